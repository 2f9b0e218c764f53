"Responses: numbers of Gammapy 2.1 on the same files, the values of the method, files that are wrong."
import numpy as np
import pytest
from astropy import units as u
from specnb.base.axes import MapAxis
from specnb.data.background import Background2D, Background3D
from specnb.base.core import DataError, SpecnbWarning
from specnb.data.edisp import EDispKernel, EnergyDispersion2D
from specnb.data.irf import EffectiveAreaTable2D, RadMax2D, axis_cells
from specnb.data.psf import EnergyDependentMultiGaussPSF, PSF3D, PSFKing
from specnb.base.tables import read_tables, table_hdu, write_tables

E_TRUE = MapAxis.from_energy_bounds(.03, 100, 9, unit="TeV", name="energy_true")
OFFSET = MapAxis.from_edges([0, 1, 2, 3], name="offset", unit="deg")
E, O = E_TRUE.center_value[:, None], OFFSET.center_value
SIGMA = .05 + .03 * E**-.4 * (1 + .1 * O**2)
ZERO = 0 * SIGMA
POINTS = np.array([.03, .031, .5, 3, 99]), np.array([.1, .9, 1.5, 2.2, 2.9])
TRUE, RECO = np.geomspace(.05, 100, 68), np.geomspace(.1, 40, 28)
RUNS = {23523: (.4955652, 1581.7367647), 23526: (.5044539, 1572.6867491), 23559: (1.5049982, 1578.1234798), 23592: (1.4988176, 1581.2646658)}
BINS = [25, 30, 40, 50, 60, 66]
EXPOSURE = {23523: [2.0406104e8, 3.2601165e8, 5.9169507e8, 7.4025819e8, 8.1571694e8, 8.2845320e8],
            23526: [2.2974627e8, 3.3858063e8, 5.5891222e8, 6.8663020e8, 7.0946346e8, 6.9221652e8],
            23559: [1.6095738e8, 2.2058721e8, 3.4420976e8, 4.5112387e8, 5.1366494e8, 5.3417673e8],
            23592: [1.4403647e8, 2.2167854e8, 3.6629981e8, 4.8591663e8, 5.7720448e8, 5.5741098e8]}
CONTAINMENT = {23523: [.6192626, .6442494, .6465694, .7025581, .7986370, .8488966], 23526: [.6789875, .6768996, .6727873, .7358536, .8216393, .8627539],
               23559: [.6831068, .6936562, .6533752, .6548869, .6872468, .7138639], 23592: [.6175569, .6655612, .6429211, .6338277, .6714252, .6950880]}
KERNEL = {23523: [.0863075, .2448652, .3599958, .1466216, .0596194, .0305503, .1269842], 23526: [.0812919, .2465487, .3714992, .1498630, .0590168, .0272856, .1385534],
          23559: [.0780824, .2691457, .3718687, .1432694, .0474773, .0222792, .1936746], 23592: [.0831487, .2644698, .3751120, .1378114, .0477435, .0242205, .1998214]}


def hess(hess_dir, run): return read_tables(hess_dir / "data" / f"hess_dl3_dr1_obs_id_{run:06d}.fits.gz")


@pytest.mark.parametrize("run", RUNS)
def test_reference_exposure_containment_and_kernel(hess_dir, run):
    file, (offset, livetime) = hess(hess_dir, run), RUNS[run]
    center = np.sqrt(TRUE[1:] * TRUE[:-1])
    c = PSF3D.from_table(file["PSF"]).containment_value(.11, center, offset)
    x = EffectiveAreaTable2D.from_table(file["AEFF"]).value(center, offset) * livetime * c
    r = EnergyDispersion2D.from_table(file["EDISP"]).kernel(offset, TRUE, RECO)
    np.testing.assert_allclose(c[BINS], CONTAINMENT[run], rtol=2e-6)
    np.testing.assert_allclose(x[BINS], EXPOSURE[run], rtol=2e-6)
    assert (x[:17] == 0).all()
    np.testing.assert_allclose([*r[30, 10:16], r[60].sum()], KERNEL[run], atol=1e-6)


def test_containment_of_the_method(hess_dir):
    psf = PSF3D.from_table(hess(hess_dir, 23523)["PSF"])
    np.testing.assert_allclose(psf.containment_value(.11, [.3, 1, 10, 50], .5), [.45144424, .62939897, .67402357, .80153898], atol=1e-8)
    np.testing.assert_allclose(psf.containment(.11 * u.deg, [300, 1000] * u.GeV, .5 * u.deg), [.45144424, .62939897], atol=1e-8)


def test_values_of_gammapy_on_a_run(hess_dir):
    file, e = hess(hess_dir, 23559), [.03, .3, 1.234, 10, 99]
    aeff, edisp, psf, bkg = (c.from_table(file[h]) for c, h in ((EffectiveAreaTable2D, "AEFF"), (EnergyDispersion2D, "EDISP"), (PSF3D, "PSF"), (Background3D, "BKG")))
    np.testing.assert_allclose(aeff.value(e, 1.3), [0, 0, 204272.59225002, 440882.82515195, 451488.98789436], rtol=1e-12)
    np.testing.assert_allclose(edisp.value(e, .93, 1.3), [0, 0, 2.226375023336608, 2.432488163491805, 6.424114418812037], rtol=1e-12)
    np.testing.assert_allclose(psf.value(e, 1.3, .063), [0, 48261.9884989674, 62280.6431470885, 37251.6136790697, 44357.8046864730], rtol=1e-12)
    np.testing.assert_allclose(psf.containment_value(.2, e, 1.3), [0, .7902035472450872, .8831531887236725, .802144957722587, .8661171601226357], rtol=1e-12)
    np.testing.assert_allclose(psf.containment_radius(.68, [.3, 1.234, 10, 99] * u.TeV, 1.3 * u.deg).value, [.15995, .10393, .11663, .09103], rtol=5e-4)
    # Gammapy interpolates in single precision here
    np.testing.assert_allclose(bkg.value(e, [.3, -1.2, .05, 2, 0], [.1, .9, -1.4, 1, 0])[2:4], [.00013726216769276557, 1.8115980039968773e-06], rtol=1e-6)
    kernel = edisp.to_edisp_kernel(1.3 * u.deg, MapAxis.from_energy_edges(TRUE, unit="TeV", name="energy_true"), MapAxis.from_energy_edges(RECO, unit="TeV"))
    energy = [.3, 1, 10] * u.TeV
    np.testing.assert_allclose(kernel.get_bias(energy), [1.00134614, .02750119, -.00761774], atol=1e-8)
    np.testing.assert_allclose(kernel.get_mean(energy).value, [.58071538, 1.03844525, 9.69755724], atol=1e-8)
    np.testing.assert_allclose(kernel.get_resolution(energy), [.49641258, .33993034, .29755393], atol=1e-8)


def test_values_of_gammapy_on_made_tables(tmp_path):
    "PSF_3GAUSS, PSF_KING, BKG_2D and EDISP_2D written by specnb, read by Gammapy 2.1."
    EnergyDependentMultiGaussPSF([E_TRUE, OFFSET], [ZERO + 1, SIGMA, ZERO + .1, 2 * SIGMA, ZERO + .02, 4 * SIGMA]).write(tmp_path / "g.fits")
    PSFKing([E_TRUE, OFFSET], [ZERO + 2.5 + .1 * np.log(E), .7 * SIGMA]).write(tmp_path / "k.fits")
    gauss, king = EnergyDependentMultiGaussPSF.read(tmp_path / "g.fits"), PSFKing.read(tmp_path / "k.fits")
    np.testing.assert_allclose(gauss.containment_value(.1, *POINTS), [.11540681, .09535376, .26491962, .3681614, .53849873], atol=1e-8)
    np.testing.assert_allclose(king.containment_value(.1, *POINTS), [.17609204, .14796124, .39819434, .53900694, .74899387], atol=1e-8)
    per_deg2 = np.radians(1)**2
    np.testing.assert_allclose(gauss.value(*POINTS, .07) * per_deg2, [3.67488089, 3.03676467, 8.39185115, 11.53953608, 16.09520731], rtol=1e-8)
    np.testing.assert_allclose(king.value(*POINTS, .07) * per_deg2, [5.58066142, 4.69815666, 12.23890439, 15.87513206, 19.17122415], rtol=1e-8)
    bkg = Background2D([E_TRUE.rename("energy"), OFFSET], 1e-6 * E**-2.7 * np.exp(-O**2 / 4))
    np.testing.assert_allclose(bkg.value(*POINTS), [1.48418582e-02, 9.10586680e-03, 3.70245874e-06, 1.45705512e-08, 5.74753700e-13], rtol=2e-6)
    edisp = EnergyDispersion2D.from_gauss(E_TRUE, MapAxis.from_bounds(.2, 3, 56, name="migra"), OFFSET, (.03 * O)[None, None], (.1 + .02 * E + 0 * O)[:, None, :]**.5 * .3)
    np.testing.assert_allclose(edisp.value(POINTS[0], [1, .9, 1.1, 1.2, 1.05], POINTS[1]), [4.10615381, 1.78889436, 3.33476123, 1.78831594, .86244468], rtol=1e-6)
    r = edisp.kernel(1.3, np.geomspace(.01, 200, 6), np.geomspace(.1, 50, 5))
    np.testing.assert_allclose(r[2:], [[0, 9.99999322e-01, 6.77744690e-07, 0], [0, 3.42568917e-07, .482473195, .517526463], [0, 0, 0, .156392995]], atol=1e-7)


def test_true_energies_outside_the_table_are_extrapolated_for_the_kernel_only():
    edisp = EnergyDispersion2D.from_gauss(E_TRUE, MapAxis.from_bounds(.2, 3, 56, name="migra"), OFFSET, 0, .2)
    r = edisp.kernel(.5, np.array([.005, .01, 200, 400]), np.geomspace(1e-3, 1e3, 60))
    np.testing.assert_allclose(r.sum(axis=1), 1)
    aeff = EffectiveAreaTable2D([E_TRUE, OFFSET], ZERO + 1)
    assert list(aeff.value([.005, .03, 100, 400], .5)) == [0, 1, 1, 0]


def test_kernel_of_an_empty_column_is_empty():
    density = np.ones((9, 5, 3))
    density[4:6] = 0
    edisp = EnergyDispersion2D([E_TRUE, MapAxis.from_bounds(.5, 1.5, 5, name="migra"), OFFSET], density)
    r = edisp.kernel(1.5, E_TRUE.edges_value, E_TRUE.edges_value)
    assert r[4].sum() == 0 and np.isfinite(r).all() and r[2].sum() > .9


def test_missing_component_of_three_gaussians():
    psf = EnergyDependentMultiGaussPSF([E_TRUE, OFFSET], [ZERO + 1, SIGMA, ZERO, ZERO, ZERO, ZERO])
    np.testing.assert_allclose(psf.containment_value(.1, E, O), 1 - np.exp(-.1**2 / 2 / SIGMA**2))
    assert psf.parameters(1, 1)[3] == 1


def test_magic_cut(magic_dir):
    cut = RadMax2D.read(sorted(magic_dir.glob("2013*.fits"))[0])
    assert cut.is_pointlike and cut.data.shape == (20, 1)
    np.testing.assert_allclose(cut.value([.001, .03, .3, 1, 3], .4), [0, .3, .14142135, .1, .1], atol=1e-7)
    with pytest.warns(SpecnbWarning, match="the only offset bin is 0.39-0.41 deg, used at 1.2 deg"): assert cut.value(1, 1.2) > 0
    with pytest.warns(SpecnbWarning, match="only offset bin"): assert EffectiveAreaTable2D.read(sorted(magic_dir.glob("2013*.fits"))[0]).value(1, 1.2) > 0


def test_nearest_node_of_the_cut():
    axis = MapAxis.from_energy_edges([1, 10, 100], unit="TeV", name="energy")
    cut = RadMax2D([axis, MapAxis.from_nodes([0, 1], name="offset", unit="deg")], [[.1, .2], [.3, .4]])
    np.testing.assert_array_equal(cut.value([1, 9.9, 10.1, 99], .49), [.1, .1, .3, .3])
    np.testing.assert_array_equal(cut.value(5, [.49, .51, 1.4, 1.6]), [.1, .2, .2, 0])


def test_background_axis_order(tmp_path):
    "The order of the files in use is (energy, DETX, DETY); the reverse is recognised by its shape."
    energy, x, y = MapAxis.from_energy_bounds(.1, 10, 3, unit="TeV", name="energy"), MapAxis.from_bounds(-2, 2, 4, name="fov_lon", unit="deg"), MapAxis.from_bounds(-1, 1, 5, name="fov_lat", unit="deg")
    rate = np.random.default_rng(0).random((3, 4, 5)).astype("f4")
    bkg = Background3D([energy, x, y], rate)
    for data in (rate, rate.T):
        hdu = table_hdu("BKG", {**axis_cells(bkg.axes, bkg.axis_columns), "BGD": (data[None], "s-1 MeV-1 sr-1")}, {"HDUCLAS4": "BKG_3D"})
        write_tables(tmp_path / "b.fits", [hdu], overwrite=True)
        np.testing.assert_array_equal(Background3D.read(tmp_path / "b.fits").data, rate)


@pytest.mark.parametrize("irf", [
    EffectiveAreaTable2D([E_TRUE, OFFSET], ZERO + E, is_pointlike=True, meta={"RAD_MAX": .1, "LO_THRES": .3}),
    PSF3D([E_TRUE, OFFSET, MapAxis.from_bounds(0, .5, 20, name="rad", unit="deg")], ZERO[..., None] + np.arange(20.)),
    RadMax2D([E_TRUE.rename("energy"), OFFSET], SIGMA), Background2D([E_TRUE.rename("energy"), OFFSET], E + O)], ids=lambda x: x.tag)
def test_round_trip(tmp_path, irf):
    irf.write(tmp_path / "irf.fits.gz")
    back = type(irf).read(tmp_path / "irf.fits.gz")
    np.testing.assert_allclose(back.data, irf.data, rtol=1e-7)
    assert back.is_pointlike == irf.is_pointlike and all(a == b and a.node_type == b.node_type for a, b in zip(back.axes, irf.axes))
    assert {k: back.meta[k] for k in irf.meta} == irf.meta and "<table>" in back._repr_html_() and type(irf).__name__ in repr(back)


def test_units_are_converted():
    aeff = EffectiveAreaTable2D([E_TRUE.copy(unit="GeV"), OFFSET.copy(unit="arcmin")], u.Quantity(ZERO + 1, "cm2"))
    assert aeff.value(1, 1) == pytest.approx(1e-4) and aeff.evaluate(energy_true=1 * u.TeV, offset=1 * u.deg).unit == "m2"
    assert str(aeff.axes[0].unit) == "TeV"
    with pytest.raises(ValueError, match="does not convert to 'm2'"): EffectiveAreaTable2D([E_TRUE, OFFSET], u.Quantity(ZERO, "s"))


BAD = {"column EFFAREA holds 1 values that are not finite": {"EFFAREA": np.where(np.arange(27).reshape(1, 3, 9) == 5, np.nan, 1)},
       "columns THETA_LO, THETA_HI: expected increasing bins without gaps": {"THETA_LO": [[0, 2, 1]]},
       "columns ENERG_LO, ENERG_HI: .*finite and increasing": {"ENERG_LO": E_TRUE.edges_value[None, ::-1][:, 1:], "ENERG_HI": E_TRUE.edges_value[None, ::-1][:, :-1] * 0 + E_TRUE.edges_value[None, ::-1][:, 1:]},
       "columns ENERG_LO, ENERG_HI: 1 of 18 values are not above 0 and up to": {"ENERG_LO": np.r_[0, E_TRUE.edges_value[1:-1]][None]},
       "columns ENERG_LO, ENERG_HI: expected finite": {"ENERG_HI": np.r_[E_TRUE.edges_value[1:-1], np.nan][None]}}


@pytest.mark.parametrize("message", BAD)
def test_bad_tables_are_refused(tmp_path, message):
    hdu = EffectiveAreaTable2D([E_TRUE, OFFSET], ZERO + 1).to_hdu()
    for name, values in BAD[message].items(): hdu.data[name] = values
    hdu.writeto(tmp_path / "bad.fits")
    with pytest.raises(DataError, match=r"bad.fits\[EFFECTIVE AREA\]: " + message): EffectiveAreaTable2D.read(tmp_path / "bad.fits")


def test_missing_hdu_column_and_unit(tmp_path):
    aeff = EffectiveAreaTable2D([E_TRUE, OFFSET], ZERO + 1)
    aeff.write(tmp_path / "a.fits")
    with pytest.raises(DataError, match="no HDU PSF; found PRIMARY, EFFECTIVE AREA"): PSF3D.read(tmp_path / "a.fits")
    cells = axis_cells(aeff.axes, aeff.axis_columns)
    write_tables(tmp_path / "b.fits", [table_hdu("A", {**cells, "EFFAREA": np.ones((1, 3, 9))})])
    with pytest.warns(SpecnbWarning, match=r"b.fits\[A\]: column EFFAREA has no unit, taken as m2, the unit of the format"):
        assert EffectiveAreaTable2D.read(tmp_path / "b.fits", "A").data.max() == 1
    write_tables(tmp_path / "c.fits", [table_hdu("A", {k: v for k, v in cells.items() if k != "THETA_HI"})])
    with pytest.raises(DataError, match=r"c.fits\[A\]: no column THETA_HI"): EffectiveAreaTable2D.read(tmp_path / "c.fits", "A")


def test_ideal_kernels():
    true, reco = MapAxis.from_energy_edges(TRUE, unit="TeV", name="energy_true"), MapAxis.from_energy_edges(RECO, unit="TeV", name="energy")
    gauss = EDispKernel.from_gauss(true, reco, .2, .1)
    np.testing.assert_allclose(gauss.pdf_matrix[20:45].sum(axis=1), 1, atol=1e-5)
    assert gauss.get_edisp_kernel() is gauss and [a.name for a in gauss.axes] == ["energy_true", "energy"]
    overlap = EDispKernel.from_diagonal_response(true, reco)
    inside = (TRUE[:-1] >= RECO[0]) & (TRUE[1:] <= RECO[-1])
    np.testing.assert_allclose(overlap.data[inside].sum(axis=1), 1)


def test_pictures_return_their_axes(hess_dir):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    file = hess(hess_dir, 23523)
    for cls, name in ((EffectiveAreaTable2D, "AEFF"), (EnergyDispersion2D, "EDISP"), (PSF3D, "PSF"), (Background3D, "BKG")):
        for ax in cls.from_table(file[name]).peek(): assert ax.get_xlabel() and ax.get_ylabel()
        plt.close("all")
