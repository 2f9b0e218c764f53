# Made by .ci/export.py from the chapters' `__all__`.
__version__: str

from .base.core import DataError as DataError
from .base.core import MissingPart as MissingPart
from .base.core import SpecnbWarning as SpecnbWarning
from .base.core import as_float as as_float
from .base.core import demo_dir as demo_dir
from .base.core import make_path as make_path
from .base.sphere import galactic_to_icrs as galactic_to_icrs
from .base.sphere import icrs_to_galactic as icrs_to_galactic
from .base.sphere import separation as separation
from .base.sphere import tan_deproject as tan_deproject
from .base.sphere import tan_project as tan_project
from .base.axes import MapAxes as MapAxes
from .base.axes import MapAxis as MapAxis
from .base.axes import UNIT_STRING_FORMAT as UNIT_STRING_FORMAT
from .base.time_axes import TimeMapAxis as TimeMapAxis
from .base.tables import FitsFile as FitsFile
from .base.tables import FitsTable as FitsTable
from .base.tables import NewTable as NewTable
from .base.tables import read_tables as read_tables
from .base.tables import table_hdu as table_hdu
from .base.tables import write_tables as write_tables
from .data.ranges import PHYSICAL_RANGES as PHYSICAL_RANGES
from .data.ranges import PhysicalRange as PhysicalRange
from .data.irf import EffectiveAreaTable2D as EffectiveAreaTable2D
from .data.irf import IRF as IRF
from .data.irf import RadMax2D as RadMax2D
from .data.edisp import EDispKernel as EDispKernel
from .data.edisp import EDispKernelMap as EDispKernelMap
from .data.edisp import EnergyDispersion2D as EnergyDispersion2D
from .data.psf import EnergyDependentMultiGaussPSF as EnergyDependentMultiGaussPSF
from .data.psf import PSF3D as PSF3D
from .data.psf import PSFKing as PSFKing
from .data.background import Background2D as Background2D
from .data.background import Background3D as Background3D
from .data.gti import GTI as GTI
from .data.gti import TimeReference as TimeReference
from .data.events import EventList as EventList
from .data.filters import ObservationFilter as ObservationFilter
from .data.pointing import FixedPointingInfo as FixedPointingInfo
from .data.pointing import PointingInfo as PointingInfo
from .data.pointing import PointingMode as PointingMode
from .data.pointing import observatory_locations as observatory_locations
from .data.formats import load_irf_dict_from_file as load_irf_dict_from_file
from .data.observations import Observation as Observation
from .data.observations import Observations as Observations
from .data.store import DataStore as DataStore
from .data.store import write_dl3 as write_dl3
from .data.problems import Problem as Problem
from .data.problems import count_problems as count_problems
from .data.problems import group_problems as group_problems
from .data.problems import problems_table as problems_table
from .data.inventory import Inventory as Inventory
from .data.inventory import RunInfo as RunInfo
from .data.inventory import inventory as inventory
from .data.download import DownloadError as DownloadError
from .data.download import cached_runs as cached_runs
from .data.download import download_dataset as download_dataset
from .data.download import find_dataset as find_dataset
from .data.download import public_datasets as public_datasets
from .data.download import terms_of_use as terms_of_use
from .regions.region_files import read_regions as read_regions
from .regions.shapes import compound_region_center as compound_region_center
from .regions.shapes import compound_region_to_regions as compound_region_to_regions
from .regions.shapes import region_center as region_center
from .regions.shapes import region_contains as region_contains
from .regions.shapes import regions_to_compound_region as regions_to_compound_region
from .regions.shapes import sky_regions as sky_regions
from .regions.images import WcsGeom as WcsGeom
from .regions.images import WcsNDMap as WcsNDMap
from .regions.catalogues import catalogue_regions as catalogue_regions
from .regions.catalogues import extract_bright_star_regions as extract_bright_star_regions
from .regions.maps import Map as Map
from .regions.maps import MapCoord as MapCoord
from .regions.maps import RegionGeom as RegionGeom
from .regions.maps import RegionNDMap as RegionNDMap
from .regions.off_regions import OffRegions as OffRegions
from .regions.off_regions import ReflectedRegionsFinder as ReflectedRegionsFinder
from .regions.off_regions import RegionsFinder as RegionsFinder
from .regions.off_regions import WobbleRegionsFinder as WobbleRegionsFinder
from .regions.off_regions import plot_off_regions as plot_off_regions
from .regions.sky_off_regions import RingOffRegions as RingOffRegions
from .regions.sky_off_regions import SkyOffRegions as SkyOffRegions
from .models.registry import Registry as Registry
from .models.priors import GaussianPrior as GaussianPrior
from .models.priors import GeneralizedGaussianPrior as GeneralizedGaussianPrior
from .models.priors import LogUniformPrior as LogUniformPrior
from .models.priors import PRIOR_REGISTRY as PRIOR_REGISTRY
from .models.priors import Prior as Prior
from .models.priors import PriorParameter as PriorParameter
from .models.priors import PriorParameters as PriorParameters
from .models.priors import TablePrior as TablePrior
from .models.priors import UniformPrior as UniformPrior
from .models.parameters import Parameter as Parameter
from .models.parameters import Parameters as Parameters
from .models.model_base import Covariance as Covariance
from .models.model_base import ModelBase as ModelBase
from .models.integrals import EnergyNodes as EnergyNodes
from .models.quantities import SpectralQuantities as SpectralQuantities
from .models.quantities import integrate_spectrum as integrate_spectrum
from .models.quantities import sed_axes as sed_axes
from .models.spectral import ClosedSpectralModel as ClosedSpectralModel
from .models.spectral import CompoundSpectralModel as CompoundSpectralModel
from .models.spectral import ConstantSpectralModel as ConstantSpectralModel
from .models.spectral import SpectralModel as SpectralModel
from .models.shapes import BrokenPowerLawSpectralModel as BrokenPowerLawSpectralModel
from .models.shapes import ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel
from .models.shapes import GaussianSpectralModel as GaussianSpectralModel
from .models.shapes import LogParabola2SpectralModel as LogParabola2SpectralModel
from .models.shapes import LogParabolaSpectralModel as LogParabolaSpectralModel
from .models.shapes import PowerLaw2SpectralModel as PowerLaw2SpectralModel
from .models.shapes import PowerLawSpectralModel as PowerLawSpectralModel
from .models.shapes import SmoothBrokenPowerLawSpectralModel as SmoothBrokenPowerLawSpectralModel
from .models.corrections import ExpCutoffPowerLaw3FGLSpectralModel as ExpCutoffPowerLaw3FGLSpectralModel
from .models.corrections import ExpCutoffPowerLawNormSpectralModel as ExpCutoffPowerLawNormSpectralModel
from .models.corrections import LogParabolaNormSpectralModel as LogParabolaNormSpectralModel
from .models.corrections import PiecewiseNormSpectralModel as PiecewiseNormSpectralModel
from .models.corrections import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from .models.corrections import ScaleSpectralModel as ScaleSpectralModel
from .models.corrections import SuperExpCutoffPowerLaw3FGLSpectralModel as SuperExpCutoffPowerLaw3FGLSpectralModel
from .models.corrections import SuperExpCutoffPowerLaw4FGLDR3SpectralModel as SuperExpCutoffPowerLaw4FGLDR3SpectralModel
from .models.corrections import SuperExpCutoffPowerLaw4FGLSpectralModel as SuperExpCutoffPowerLaw4FGLSpectralModel
from .models.corrections import TemplateSpectralModel as TemplateSpectralModel
from .models.templates import TemplateNDSpectralModel as TemplateNDSpectralModel
from .models.absorption import EBLAbsorptionNormSpectralModel as EBLAbsorptionNormSpectralModel
from .models.absorption import EBL_DATA_BUILTIN as EBL_DATA_BUILTIN
from .models.temporal import ConstantTemporalModel as ConstantTemporalModel
from .models.temporal import ExpDecayTemporalModel as ExpDecayTemporalModel
from .models.temporal import GaussianTemporalModel as GaussianTemporalModel
from .models.temporal import GeneralizedGaussianTemporalModel as GeneralizedGaussianTemporalModel
from .models.temporal import LightCurveTemplateTemporalModel as LightCurveTemplateTemporalModel
from .models.temporal import LinearTemporalModel as LinearTemporalModel
from .models.temporal import PowerLawTemporalModel as PowerLawTemporalModel
from .models.temporal import SineTemporalModel as SineTemporalModel
from .models.temporal import TEMPORAL_MODEL_REGISTRY as TEMPORAL_MODEL_REGISTRY
from .models.temporal import TemplatePhaseCurveTemporalModel as TemplatePhaseCurveTemporalModel
from .models.temporal import TemporalModel as TemporalModel
from .models.dark_matter import DarkMatterAnnihilationSpectralModel as DarkMatterAnnihilationSpectralModel
from .models.dark_matter import DarkMatterDecaySpectralModel as DarkMatterDecaySpectralModel
from .models.dark_matter import PrimaryFlux as PrimaryFlux
from .models.nuisance import NuisanceModel as NuisanceModel
from .models.nuisance import SeenSpectrum as SeenSpectrum
from .models.nuisance import ShiftedNodes as ShiftedNodes
from .models.radiative import NaimaSpectralModel as NaimaSpectralModel
from .models.all_models import MODEL_REGISTRY as MODEL_REGISTRY
from .models.all_models import SPATIAL_MODEL_REGISTRY as SPATIAL_MODEL_REGISTRY
from .models.all_models import SPECTRAL_MODEL_REGISTRY as SPECTRAL_MODEL_REGISTRY
from .models.sky import MeyerCrabSpectralModel as MeyerCrabSpectralModel
from .models.sky import Model as Model
from .models.sky import Models as Models
from .models.sky import SkyModel as SkyModel
from .models.sky import create_crab_spectral_model as create_crab_spectral_model
from .models.gallery import plot_models as plot_models
from .stats.stats import CashCountsStatistic as CashCountsStatistic
from .stats.stats import WStatCountsStatistic as WStatCountsStatistic
from .stats.stats import cash as cash
from .stats.stats import cash_derivatives as cash_derivatives
from .stats.stats import cstat as cstat
from .stats.stats import get_wstat_mu_bkg as get_wstat_mu_bkg
from .stats.stats import wstat as wstat
from .stats.stats import wstat_derivatives as wstat_derivatives
from .stats.expectations import cash_moments as cash_moments
from .stats.expectations import wstat_moments as wstat_moments
from .stats.decoupled import decoupled_stat as decoupled_stat
from .stats.likelihood import Likelihood as Likelihood
from .stats.likelihood import compile_likelihood as compile_likelihood
from .stats.bias import StatisticBias as StatisticBias
from .stats.bias import wstat_expected_fit as wstat_expected_fit
from .stats.bias import wstat_information as wstat_information
from .stats.bias import wstat_score_mean as wstat_score_mean
from .stats.bias import wstat_shift as wstat_shift
from .stats.counting import CountsInterval as CountsInterval
from .stats.counting import cls_upper_limit as cls_upper_limit
from .stats.counting import feldman_cousins as feldman_cousins
from .stats.counting import on_off_interval as on_off_interval
from .makers.selected_events import SelectedEvents as SelectedEvents
from .makers.selected_events import StackedEvents as StackedEvents
from .makers.arrays import SpectrumArrays as SpectrumArrays
from .makers.arrays import stack_spectra as stack_spectra
from .makers.finer_edges import divide_bins as divide_bins
from .makers.summary import expected_background as expected_background
from .makers.summary import spectrum_summary as spectrum_summary
from .makers.reduction import OffCounts as OffCounts
from .makers.reduction import background_per_bin as background_per_bin
from .makers.reduction import containment_per_bin as containment_per_bin
from .makers.reduction import counts_per_bin as counts_per_bin
from .makers.reduction import edisp_per_bin as edisp_per_bin
from .makers.reduction import exposure_per_bin as exposure_per_bin
from .makers.reduction import off_counts as off_counts
from .makers.reduction import on_counts as on_counts
from .makers.reduction import on_events as on_events
from .makers.makers import ReflectedRegionsBackgroundMaker as ReflectedRegionsBackgroundMaker
from .makers.makers import SpectrumDatasetMaker as SpectrumDatasetMaker
from .makers.phase import PhaseBackgroundMaker as PhaseBackgroundMaker
from .makers.off_makers import GivenRegionsBackgroundMaker as GivenRegionsBackgroundMaker
from .makers.off_makers import OffRunsBackgroundMaker as OffRunsBackgroundMaker
from .makers.off_makers import RingBackgroundMaker as RingBackgroundMaker
from .makers.homogeneity import OffHomogeneity as OffHomogeneity
from .makers.homogeneity import dispersion as dispersion
from .makers.homogeneity import dispersion_p_value as dispersion_p_value
from .makers.homogeneity import off_homogeneity as off_homogeneity
from .makers.homogeneity import region_p_value as region_p_value
from .makers.safe_masks import SafeMaskMaker as SafeMaskMaker
from .makers.safe_masks import aeff_max_threshold as aeff_max_threshold
from .makers.safe_masks import background_peak_threshold as background_peak_threshold
from .makers.safe_masks import edisp_bias_threshold as edisp_bias_threshold
from .makers.responses import pack_matrix as pack_matrix
from .makers.responses import read_arf as read_arf
from .makers.responses import read_rmf as read_rmf
from .makers.responses import unpack_matrix as unpack_matrix
from .makers.ogip import read_ogip as read_ogip
from .makers.ogip_writing import write_ogip as write_ogip
from .makers.gadf import read_gadf as read_gadf
from .makers.gadf import write_gadf as write_gadf
from .makers.plots import plot_counts as plot_counts
from .makers.plots import plot_excess as plot_excess
from .makers.plots import plot_exposure as plot_exposure
from .makers.plots import plot_masks as plot_masks
from .makers.plots import plot_residuals as plot_residuals
from .makers.dataset import SpectrumDataset as SpectrumDataset
from .makers.dataset import SpectrumDatasetOnOff as SpectrumDatasetOnOff
from .makers.dataset import arrays_from_maps as arrays_from_maps
from .makers.dataset import plot_npred_signal as plot_npred_signal
from .makers.datasets import Datasets as Datasets
from .makers.datasets import plot_spectrum_datasets_off_regions as plot_spectrum_datasets_off_regions
from .makers.many_runs import DatasetsMaker as DatasetsMaker
from .simulate.instrument import TelescopeArray as TelescopeArray
from .simulate.instrument import create_irfs as create_irfs
from .simulate.simulate import demo_datasets as demo_datasets
from .simulate.simulate import demo_model as demo_model
from .simulate.simulate import demo_observations as demo_observations
from .simulate.simulate import make_demo as make_demo
from .simulate.simulate import simulate_observation as simulate_observation
from .simulate.simulate import simulate_observations as simulate_observations
from .simulate.simulate import wobble_pointings as wobble_pointings
from .simulate.weak_source import WeakSource as WeakSource
from .simulate.weak_source import weak_source as weak_source
from .fit.many_fits import LikelihoodRatios as LikelihoodRatios
from .fit.many_fits import ManyFits as ManyFits
from .fit.many_fits import fit_each as fit_each
from .fit.many_fits import fit_many as fit_many
from .fit.many_fits import likelihood_ratio as likelihood_ratio
from .fit.many_fits import sample_counts as sample_counts
from .fit.diagnostic import statistic_bias as statistic_bias
from .fit.diagnostic import statistic_bias_table as statistic_bias_table
from .fit.fitted_data import FittedData as FittedData
from .fit.consistency import ParameterConsistency as ParameterConsistency
from .fit.consistency import RunConsistency as RunConsistency
from .fit.consistency import plot_consistency as plot_consistency
from .fit.consistency import run_consistency as run_consistency
from .fit.curvature import CurvatureTest as CurvatureTest
from .fit.curvature import curvature_test as curvature_test
from .fit.influence import RunInfluence as RunInfluence
from .fit.influence import plot_influence as plot_influence
from .fit.influence import run_influence as run_influence
from .fit.goodness import CountCurve as CountCurve
from .fit.goodness import GoodnessOfFit as GoodnessOfFit
from .fit.goodness import Height as Height
from .fit.goodness import goodness_of_fit as goodness_of_fit
from .fit.goodness import plot_qq as plot_qq
from .fit.goodness import plot_toys as plot_toys
from .fit.derived import DerivedQuantity as DerivedQuantity
from .fit.intervals import ConfidenceInterval as ConfidenceInterval
from .fit.intervals import ConfidenceIntervals as ConfidenceIntervals
from .fit.intervals import intervals as intervals
from .fit.certificate import Certificate as Certificate
from .fit.certificate import certify as certify
from .fit.fit import CovarianceResult as CovarianceResult
from .fit.fit import Fit as Fit
from .fit.fit import FitResult as FitResult
from .fit.fit import OptimizeResult as OptimizeResult
from .fit.fit import plot_contour_line as plot_contour_line
from .flux_points.plots import plot_profiles as plot_profiles
from .flux_points.time_plots import plot_time_points as plot_time_points
from .flux_points.flux_points import FluxPoints as FluxPoints
from .flux_points.flux_points import get_rebinned_axis as get_rebinned_axis
from .flux_points.estimator import FluxPointsEstimator as FluxPointsEstimator
from .flux_points.edges import event_energy_edges as event_energy_edges
from .flux_points.edges import resample_energy_edges as resample_energy_edges
from .flux_points.dataset import FluxPointsDataset as FluxPointsDataset
from .flux_points.unfolding import UnfoldedSpectrum as UnfoldedSpectrum
from .flux_points.unfolding import unfold as unfold
from .light_curves.estimator import LightCurveEstimator as LightCurveEstimator
from .light_curves.variability import TimmerKonig_lightcurve_simulator as TimmerKonig_lightcurve_simulator
from .light_curves.variability import compute_chisq as compute_chisq
from .light_curves.variability import compute_excess_variance as compute_excess_variance
from .light_curves.variability import compute_flux_doubling as compute_flux_doubling
from .light_curves.variability import compute_fpp as compute_fpp
from .light_curves.variability import compute_fvar as compute_fvar
from .light_curves.variability import compute_lightcurve_constancy as compute_lightcurve_constancy
from .light_curves.variability import compute_lightcurve_discrete_correlation as compute_lightcurve_discrete_correlation
from .light_curves.variability import compute_lightcurve_doublingtime as compute_lightcurve_doublingtime
from .light_curves.variability import compute_lightcurve_fpp as compute_lightcurve_fpp
from .light_curves.variability import compute_lightcurve_fvar as compute_lightcurve_fvar
from .light_curves.variability import discrete_correlation as discrete_correlation
from .light_curves.variability import structure_function as structure_function
from .light_curves.rates import make_rate_table as make_rate_table
from .light_curves.rates import plot_rates as plot_rates
from .detection.sensitivity import CRITERIA as CRITERIA
from .detection.sensitivity import SensitivityEstimator as SensitivityEstimator
from .detection.sensitivity import minimum_excess as minimum_excess
from .detection.sensitivity import plot_sensitivity as plot_sensitivity
from .detection.sensitivity import sensitivity as sensitivity
from .detection.limits import EXPECTED as EXPECTED
from .detection.limits import expected_norm_limits as expected_norm_limits
from .detection.limits import norm_limit_coverage as norm_limit_coverage
from .detection.limits import norm_limits as norm_limits
from .detection.upper_limits import UpperLimits as UpperLimits
from .detection.upper_limits import compute_upper_limits as compute_upper_limits
from .detection.upper_limits import detection_time as detection_time
from .detection.weak_source import INDEX as INDEX
from .detection.weak_source import MIN_SIGNIFICANCE as MIN_SIGNIFICANCE
from .detection.weak_source import WeakSourceResult as WeakSourceResult
from .detection.weak_source import fit_weak_source as fit_weak_source
from .detection.weak_source import fixed_shape as fixed_shape
from .detection.weak_source import has_signal as has_signal
from .detection.weak_source import no_signal_reason as no_signal_reason
from .detection.weak_source import norm_parameter as norm_parameter
from .detection.weak_source import signal_counts as signal_counts
from .detection.profiles import FluxProfile as FluxProfile
from .detection.profiles import FluxProfileEstimator as FluxProfileEstimator
from .detection.profiles import make_concentric_annulus_sky_regions as make_concentric_annulus_sky_regions
from .detection.profiles import make_orthogonal_rectangle_sky_regions as make_orthogonal_rectangle_sky_regions
from .detection.profiles import make_profile_datasets as make_profile_datasets
from .detection.theta_squared import ThetaSquaredTable as ThetaSquaredTable
from .detection.theta_squared import make_theta_squared_table as make_theta_squared_table
from .detection.theta_squared import plot_theta_squared_table as plot_theta_squared_table
from .detection.theta_squared import theta_squared_counts as theta_squared_counts
from .detection.nested_models import NestedModelSelection as NestedModelSelection
from .detection.nested_models import ParameterEstimator as ParameterEstimator
from .detection.nested_models import ParameterSensitivityEstimator as ParameterSensitivityEstimator
from .detection.nested_models import select_nested_models as select_nested_models
from .detection.nested_models import sigma_to_ts as sigma_to_ts
from .detection.nested_models import ts_to_sigma as ts_to_sigma
from .detection.toy_pvalues import ToyPValue as ToyPValue
from .detection.toy_pvalues import pvalue_to_sigma as pvalue_to_sigma
from .detection.toy_pvalues import toy_pvalue as toy_pvalue
from .detection.toy_pvalues import wilks_pvalue as wilks_pvalue
from .detection.comparison import ModelComparison as ModelComparison
from .detection.comparison import ModelTest as ModelTest
from .detection.comparison import compare as compare
from .detection.comparison import information_criteria as information_criteria
from .detection.line_search import LineSearch as LineSearch
from .detection.line_search import count_upcrossings as count_upcrossings
from .detection.line_search import line_search as line_search
from .detection.line_search import upcrossing_pvalue as upcrossing_pvalue
from .detection.impacts import Systematics as Systematics
from .detection.impacts import add_nuisances as add_nuisances
from .detection.impacts import held_covariance as held_covariance
from .detection.impacts import plot_impacts as plot_impacts
from .detection.impacts import systematics as systematics
from .analysis.fields import ConfigError as ConfigError
from .analysis.config import AnalysisConfig as AnalysisConfig
from .analysis.first_config import SuggestedConfig as SuggestedConfig
from .analysis.first_config import suggest_config as suggest_config
from .analysis.figures import plot_background_regions as plot_background_regions
from .analysis.figures import plot_fit_of_all as plot_fit_of_all
from .analysis.figures import plot_goodness as plot_goodness
from .analysis.figures import plot_light_curve as plot_light_curve
from .analysis.figures import plot_runs as plot_runs
from .analysis.figures import plot_signal_growth as plot_signal_growth
from .analysis.figures import plot_spectrum as plot_spectrum
from .analysis.analysis import FIGURE_SIZES as FIGURE_SIZES
from .analysis.analysis import SpectralAnalysis as SpectralAnalysis
from .analysis.high_level import Analysis as Analysis
from .analysis.views import View as View
from .analysis.views import certificate_view as certificate_view
from .analysis.views import consistency_view as consistency_view
from .analysis.views import files_view as files_view
from .analysis.views import fit_view as fit_view
from .analysis.views import goodness_view as goodness_view
from .analysis.views import light_curve_view as light_curve_view
from .analysis.views import limits_view as limits_view
from .analysis.views import points_view as points_view
from .analysis.views import remarks_view as remarks_view
from .analysis.views import runs_view as runs_view
from .analysis.views import sensitivity_view as sensitivity_view
from .analysis.views import signal_view as signal_view
from .analysis.views import with_error as with_error
from .analysis.csv_tables import write_csv as write_csv
from .analysis.products import write_products as write_products
from .analysis.record import AnalysisError as AnalysisError
from .analysis.record import Run as Run
from .analysis.record import run_analysis as run_analysis
from .analysis.record import tutorial_notebook as tutorial_notebook
from .analysis.repeat import Difference as Difference
from .analysis.repeat import RerunReport as RerunReport
from .analysis.repeat import compare_results as compare_results
from .analysis.repeat import read_record as read_record
from .analysis.repeat import rerun as rerun
from .analysis.validate import validate as validate
from .sweeps.design import latin_hypercube as latin_hypercube
from .sweeps.design import sweep_points as sweep_points
from .sweeps.results import Result as Result
from .sweeps.results import read_results as read_results
from .sweeps.results import record_results as record_results
from .sweeps.tables import spread_table as spread_table
from .sweeps.run import Sweep as Sweep
from .sweeps.run import read_sweep as read_sweep
from .sweeps.run import sweep as sweep
from .sweeps.plots import plot_parallel as plot_parallel
from .sweeps.plots import plot_repeats as plot_repeats
from .sweeps.plots import plot_sweep as plot_sweep
from .sweeps.plots import plot_sweep_map as plot_sweep_map
from .sweeps.page import sweep_report as sweep_report
from .sweeps.choices import Choices as Choices
from .sweeps.choices import ErrorBudget as ErrorBudget
from .sweeps.choices import choice_variations as choice_variations
from .sweeps.choices import choices as choices
from .sweeps.choices import error_budget as error_budget
from .sweeps.choices import expected_shift as expected_shift
from .sweeps.choices import plot_tornado as plot_tornado
from .sweeps.choices import write_choices as write_choices

__all__ = [
    "Analysis",
    "AnalysisConfig",
    "AnalysisError",
    "Background2D",
    "Background3D",
    "BrokenPowerLawSpectralModel",
    "CRITERIA",
    "CashCountsStatistic",
    "Certificate",
    "Choices",
    "ClosedSpectralModel",
    "CompoundSpectralModel",
    "ConfidenceInterval",
    "ConfidenceIntervals",
    "ConfigError",
    "ConstantSpectralModel",
    "ConstantTemporalModel",
    "CountCurve",
    "CountsInterval",
    "Covariance",
    "CovarianceResult",
    "CurvatureTest",
    "DarkMatterAnnihilationSpectralModel",
    "DarkMatterDecaySpectralModel",
    "DataError",
    "DataStore",
    "Datasets",
    "DatasetsMaker",
    "DerivedQuantity",
    "Difference",
    "DownloadError",
    "EBLAbsorptionNormSpectralModel",
    "EBL_DATA_BUILTIN",
    "EDispKernel",
    "EDispKernelMap",
    "EXPECTED",
    "EffectiveAreaTable2D",
    "EnergyDependentMultiGaussPSF",
    "EnergyDispersion2D",
    "EnergyNodes",
    "ErrorBudget",
    "EventList",
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
    "ExpDecayTemporalModel",
    "FIGURE_SIZES",
    "Fit",
    "FitResult",
    "FitsFile",
    "FitsTable",
    "FittedData",
    "FixedPointingInfo",
    "FluxPoints",
    "FluxPointsDataset",
    "FluxPointsEstimator",
    "FluxProfile",
    "FluxProfileEstimator",
    "GTI",
    "GaussianPrior",
    "GaussianSpectralModel",
    "GaussianTemporalModel",
    "GeneralizedGaussianPrior",
    "GeneralizedGaussianTemporalModel",
    "GivenRegionsBackgroundMaker",
    "GoodnessOfFit",
    "Height",
    "INDEX",
    "IRF",
    "Inventory",
    "LightCurveEstimator",
    "LightCurveTemplateTemporalModel",
    "Likelihood",
    "LikelihoodRatios",
    "LineSearch",
    "LinearTemporalModel",
    "LogParabola2SpectralModel",
    "LogParabolaNormSpectralModel",
    "LogParabolaSpectralModel",
    "LogUniformPrior",
    "MIN_SIGNIFICANCE",
    "MODEL_REGISTRY",
    "ManyFits",
    "Map",
    "MapAxes",
    "MapAxis",
    "MapCoord",
    "MeyerCrabSpectralModel",
    "MissingPart",
    "Model",
    "ModelBase",
    "ModelComparison",
    "ModelTest",
    "Models",
    "NaimaSpectralModel",
    "NestedModelSelection",
    "NewTable",
    "NuisanceModel",
    "Observation",
    "ObservationFilter",
    "Observations",
    "OffCounts",
    "OffHomogeneity",
    "OffRegions",
    "OffRunsBackgroundMaker",
    "OptimizeResult",
    "PHYSICAL_RANGES",
    "PRIOR_REGISTRY",
    "PSF3D",
    "PSFKing",
    "Parameter",
    "ParameterConsistency",
    "ParameterEstimator",
    "ParameterSensitivityEstimator",
    "Parameters",
    "PhaseBackgroundMaker",
    "PhysicalRange",
    "PiecewiseNormSpectralModel",
    "PointingInfo",
    "PointingMode",
    "PowerLaw2SpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "PowerLawTemporalModel",
    "PrimaryFlux",
    "Prior",
    "PriorParameter",
    "PriorParameters",
    "Problem",
    "RadMax2D",
    "ReflectedRegionsBackgroundMaker",
    "ReflectedRegionsFinder",
    "RegionGeom",
    "RegionNDMap",
    "RegionsFinder",
    "Registry",
    "RerunReport",
    "Result",
    "RingBackgroundMaker",
    "RingOffRegions",
    "Run",
    "RunConsistency",
    "RunInfluence",
    "RunInfo",
    "SPATIAL_MODEL_REGISTRY",
    "SPECTRAL_MODEL_REGISTRY",
    "SafeMaskMaker",
    "ScaleSpectralModel",
    "SeenSpectrum",
    "SelectedEvents",
    "SensitivityEstimator",
    "ShiftedNodes",
    "SineTemporalModel",
    "SkyModel",
    "SkyOffRegions",
    "SmoothBrokenPowerLawSpectralModel",
    "SpecnbWarning",
    "SpectralAnalysis",
    "SpectralModel",
    "SpectralQuantities",
    "SpectrumArrays",
    "SpectrumDataset",
    "SpectrumDatasetMaker",
    "SpectrumDatasetOnOff",
    "StackedEvents",
    "StatisticBias",
    "SuggestedConfig",
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
    "Sweep",
    "Systematics",
    "TEMPORAL_MODEL_REGISTRY",
    "TablePrior",
    "TelescopeArray",
    "TemplateNDSpectralModel",
    "TemplatePhaseCurveTemporalModel",
    "TemplateSpectralModel",
    "TemporalModel",
    "ThetaSquaredTable",
    "TimeMapAxis",
    "TimeReference",
    "TimmerKonig_lightcurve_simulator",
    "ToyPValue",
    "UNIT_STRING_FORMAT",
    "UnfoldedSpectrum",
    "UniformPrior",
    "UpperLimits",
    "View",
    "WStatCountsStatistic",
    "WcsGeom",
    "WcsNDMap",
    "WeakSource",
    "WeakSourceResult",
    "WobbleRegionsFinder",
    "add_nuisances",
    "aeff_max_threshold",
    "arrays_from_maps",
    "as_float",
    "background_peak_threshold",
    "background_per_bin",
    "cached_runs",
    "cash",
    "cash_derivatives",
    "cash_moments",
    "catalogue_regions",
    "certificate_view",
    "certify",
    "choice_variations",
    "choices",
    "cls_upper_limit",
    "compare",
    "compare_results",
    "compile_likelihood",
    "compound_region_center",
    "compound_region_to_regions",
    "compute_chisq",
    "compute_excess_variance",
    "compute_flux_doubling",
    "compute_fpp",
    "compute_fvar",
    "compute_lightcurve_constancy",
    "compute_lightcurve_discrete_correlation",
    "compute_lightcurve_doublingtime",
    "compute_lightcurve_fpp",
    "compute_lightcurve_fvar",
    "compute_upper_limits",
    "consistency_view",
    "containment_per_bin",
    "count_problems",
    "count_upcrossings",
    "counts_per_bin",
    "create_crab_spectral_model",
    "create_irfs",
    "cstat",
    "curvature_test",
    "decoupled_stat",
    "demo_datasets",
    "demo_dir",
    "demo_model",
    "demo_observations",
    "detection_time",
    "discrete_correlation",
    "dispersion",
    "dispersion_p_value",
    "divide_bins",
    "download_dataset",
    "edisp_bias_threshold",
    "edisp_per_bin",
    "error_budget",
    "event_energy_edges",
    "expected_background",
    "expected_norm_limits",
    "expected_shift",
    "exposure_per_bin",
    "extract_bright_star_regions",
    "feldman_cousins",
    "files_view",
    "find_dataset",
    "fit_each",
    "fit_many",
    "fit_view",
    "fit_weak_source",
    "fixed_shape",
    "galactic_to_icrs",
    "get_rebinned_axis",
    "get_wstat_mu_bkg",
    "goodness_of_fit",
    "goodness_view",
    "group_problems",
    "has_signal",
    "held_covariance",
    "icrs_to_galactic",
    "information_criteria",
    "integrate_spectrum",
    "intervals",
    "inventory",
    "latin_hypercube",
    "light_curve_view",
    "likelihood_ratio",
    "limits_view",
    "line_search",
    "load_irf_dict_from_file",
    "make_concentric_annulus_sky_regions",
    "make_demo",
    "make_orthogonal_rectangle_sky_regions",
    "make_path",
    "make_profile_datasets",
    "make_rate_table",
    "make_theta_squared_table",
    "minimum_excess",
    "no_signal_reason",
    "norm_limit_coverage",
    "norm_limits",
    "norm_parameter",
    "observatory_locations",
    "off_counts",
    "off_homogeneity",
    "on_counts",
    "on_events",
    "on_off_interval",
    "pack_matrix",
    "plot_background_regions",
    "plot_consistency",
    "plot_contour_line",
    "plot_counts",
    "plot_excess",
    "plot_exposure",
    "plot_fit_of_all",
    "plot_goodness",
    "plot_impacts",
    "plot_influence",
    "plot_light_curve",
    "plot_masks",
    "plot_models",
    "plot_npred_signal",
    "plot_off_regions",
    "plot_parallel",
    "plot_profiles",
    "plot_qq",
    "plot_rates",
    "plot_repeats",
    "plot_residuals",
    "plot_runs",
    "plot_sensitivity",
    "plot_signal_growth",
    "plot_spectrum",
    "plot_spectrum_datasets_off_regions",
    "plot_sweep",
    "plot_sweep_map",
    "plot_theta_squared_table",
    "plot_time_points",
    "plot_tornado",
    "plot_toys",
    "points_view",
    "problems_table",
    "public_datasets",
    "pvalue_to_sigma",
    "read_arf",
    "read_gadf",
    "read_ogip",
    "read_record",
    "read_regions",
    "read_results",
    "read_rmf",
    "read_sweep",
    "read_tables",
    "record_results",
    "region_center",
    "region_contains",
    "region_p_value",
    "regions_to_compound_region",
    "remarks_view",
    "rerun",
    "resample_energy_edges",
    "run_analysis",
    "run_consistency",
    "run_influence",
    "runs_view",
    "sample_counts",
    "sed_axes",
    "select_nested_models",
    "sensitivity",
    "sensitivity_view",
    "separation",
    "sigma_to_ts",
    "signal_counts",
    "signal_view",
    "simulate_observation",
    "simulate_observations",
    "sky_regions",
    "spectrum_summary",
    "spread_table",
    "stack_spectra",
    "statistic_bias",
    "statistic_bias_table",
    "structure_function",
    "suggest_config",
    "sweep",
    "sweep_points",
    "sweep_report",
    "systematics",
    "table_hdu",
    "tan_deproject",
    "tan_project",
    "terms_of_use",
    "theta_squared_counts",
    "toy_pvalue",
    "ts_to_sigma",
    "tutorial_notebook",
    "unfold",
    "unpack_matrix",
    "upcrossing_pvalue",
    "validate",
    "weak_source",
    "wilks_pvalue",
    "with_error",
    "wobble_pointings",
    "write_choices",
    "write_csv",
    "write_dl3",
    "write_gadf",
    "write_ogip",
    "write_products",
    "write_tables",
    "wstat",
    "wstat_derivatives",
    "wstat_expected_fit",
    "wstat_information",
    "wstat_moments",
    "wstat_score_mean",
    "wstat_shift",
]
