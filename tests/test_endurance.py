"""A tenth of what `make endurance` tries, with fixed seeds."""

from pathlib import Path

import pytest
from endurance import ROUNDS, SEED, TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS)
def test_a_tenth_of_each_trial_holds(tmp_path: Path, trial: str) -> None:
    assert TRIALS[trial](ROUNDS // 10, SEED, tmp_path) > 0
