"""A hundred mutants of every kind (see `tests/malformed`): none may end in an error of something else, hang, or give numbers that are not finite without a word."""
import pytest
from malformed.allowed import is_allowed
from malformed.judge import CLASSES
from malformed.kinds import KINDS

HELD = ("dl3", "ogip", "models", "covariance", "datasets", "configuration", "sweeps", "flux points", "arguments",
        "gadf") # kinds that hold the bar


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request, tmp_path_factory):
    new, folder = KINDS[request.param](), tmp_path_factory.mktemp("good")
    new.set_up(folder)
    return new


def test_mutants_are_the_same_each_time_and_have_a_class(kind, tmp_path):
    found = [[kind.run(number, 0, tmp_path) for number in range(3)] for _ in range(2)]
    assert [v[:5] for v in found[0]] == [v[:5] for v in found[1]]
    assert all(v.result in CLASSES and v.group for v in found[0])


def test_none_of_a_hundred_is_a_fault(kind, tmp_path):
    if kind.name not in HELD: pytest.skip("not all faults of this kind are mended")
    verdicts = [kind.run(number, 1, tmp_path) for number in range(100)]
    faults = [f"{v.kind}:{v.number} {v.result}: {v.group}, {v.text}: {v.message}" for v in verdicts
              if v.result in ("raw", "hang", "silent nan") or v.result == "changed silently" and not is_allowed(v)]
    assert not faults, "\n".join(faults)
