"""Every way in which an attempt fails has its sentence, and each is short and whole."""

import pytest

from flux_dispatch.domain.advice import MAX_ADVICE_LENGTH, advise
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phase, Phases

STATUSES = [status for status in range(100, 600) if not 200 <= status < 300]
EVERY = [
    *(pytest.param(error, None, None, id=error) for error in ErrorClass),
    *(pytest.param(error, None, phase, id=f"{error} {phase}") for error in ErrorClass for phase in Phase),
    *(pytest.param(ErrorClass.HTTP_STATUS, status, Phase.READ, id=str(status)) for status in STATUSES),
]


@pytest.mark.parametrize(("error", "status", "phase"), EVERY)
def test_each_failure_has_one_short_sentence_in_plain_text(
    error: ErrorClass, status: int | None, phase: Phase | None
) -> None:
    said = advise(error, status, phase)
    assert 40 < len(said) <= MAX_ADVICE_LENGTH
    assert said.endswith(".")
    assert said[0].isupper()
    assert not set(said) & set("<>{}\n`")


def test_no_two_classes_share_their_sentence() -> None:
    assert len({advise(error) for error in ErrorClass}) == len(ErrorClass)
    assert len({advise(ErrorClass.TIMEOUT, None, phase) for phase in Phase}) == len(Phase)


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ((401, 403), "credentials"),
        ((404,), "path"),
        ((405,), "POST"),
        ((410,), "disabled"),
        ((413, 415, 422), "body"),
        ((429,), "limit"),
        ((400, 402, 406, 409, 418, 451, 499), "objects"),
        ((500, 502, 503, 504, 599), "failed"),
        ((300, 301, 302, 304, 307, 308), "Redirects"),
        ((101,), "final"),
    ],
)
def test_what_an_endpoint_answers_is_named_with_what_it_means(statuses: tuple[int, ...], word: str) -> None:
    for status in statuses:
        said = advise(ErrorClass.HTTP_STATUS, status)
        assert str(status) in said
        assert word in said


def test_the_last_phase_is_the_one_in_which_an_attempt_ended() -> None:
    assert Phases().last is None
    assert Phases(dns=0.1).last is Phase.DNS
    assert Phases(dns=0.0, connect=0.0).last is Phase.CONNECT
    assert Phases(wait=0.1).last is Phase.WAIT
    assert Phases(0, 0, 0, 0, 0).last is Phase.READ
