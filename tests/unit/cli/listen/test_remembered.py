"""What is remembered of requests: until their answers have arrived, and never without bounds."""

from flux_dispatch.cli.listen.remembered import Remembered
from flux_dispatch.tunnel.frames import Answer, Failed


def answer(request_id: str, status: int = 200, body: bytes = b"") -> Answer:
    return Answer(request_id, status, (), body)


def test_an_answer_is_kept_until_it_has_arrived() -> None:
    remembered = Remembered()
    remembered.keep(answer("r1"), None)
    assert remembered.answer_to("r1") == answer("r1")
    assert not remembered.has_arrived("r1")
    remembered.received("r1")
    assert remembered.answer_to("r1") is None
    assert remembered.has_arrived("r1")


def test_a_success_answers_later_attempts_of_its_delivery_whether_it_arrived_or_not() -> None:
    remembered = Remembered()
    remembered.keep(answer("r1", 204), "dlv_1")
    remembered.gone("r1")
    assert remembered.answer_to("r1") is None
    assert remembered.success_of("dlv_1") == answer("r1", 204)
    remembered.keep(answer("r2", 204), "dlv_1")
    remembered.received("r2")
    assert remembered.answer_to("r2") is None
    assert remembered.success_of("dlv_1") == answer("r2", 204)


def test_what_failed_is_forwarded_again_when_its_delivery_comes_again() -> None:
    remembered = Remembered()
    remembered.keep(answer("r1", 500), "dlv_1")
    remembered.keep(Failed("r2", "timeout", "It did not answer."), "dlv_2")
    assert remembered.success_of("dlv_1") is None
    assert remembered.success_of("dlv_2") is None
    assert remembered.answer_to("r2") == Failed("r2", "timeout", "It did not answer.")


def test_the_oldest_make_room() -> None:
    remembered = Remembered(most=2, most_bytes=100)
    for number in range(3):
        remembered.keep(answer(f"r{number}"), f"dlv_{number}")
    assert [remembered.answer_to(f"r{number}") is None for number in range(3)] == [True, False, False]
    assert [remembered.success_of(f"dlv_{number}") is None for number in range(3)] == [True, False, False]
    remembered.keep(answer("large", body=bytes(90)), None)
    remembered.keep(answer("larger", body=bytes(60)), None)
    assert remembered.answer_to("large") is None
    assert remembered.answer_to("larger")
    remembered.received("larger")
    remembered.keep(answer("large", body=bytes(90)), None)
    assert remembered.answer_to("large")


def test_what_is_unknown_may_be_told_as_arrived_and_gone() -> None:
    remembered = Remembered()
    remembered.received("r1")
    remembered.gone("r2")
    assert remembered.has_arrived("r1")
    assert not remembered.has_arrived("r2")
