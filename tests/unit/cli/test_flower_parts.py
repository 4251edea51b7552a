"""What Flower is told of a task holds no payload, however its producer wrote it."""

from typing import Any

import pytest

from flux_dispatch.cli.flower_parts import without_payload

ACCOUNT = "acct_" + "0a" * 16


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        (f"{{'account': '{ACCOUNT}', 'type': 'a.b', 'data': {{'card': '4242'}}}}", f"1 event of {ACCOUNT}"),
        ({"account": ACCOUNT, "data": {"card": "4242"}}, f"1 event of {ACCOUNT}"),
        ("{'data': {'card': '4242", "1 event"),
        (["4242"], "1 event"),
        (f"x{ACCOUNT}", "1 event"),
    ],
)
def test_of_a_publication_only_its_account_is_told(kwargs: Any, said: str) -> None:
    task = {"uuid": "1", "name": "flux.publish", "args": "()", "kwargs": kwargs}
    assert without_payload(task) == {"uuid": "1", "name": "flux.publish", "args": said, "kwargs": ""}


@pytest.mark.parametrize("task", [{}, {"uuid": "1"}, {"name": "flux.deliver", "args": "1 delivery", "kwargs": ""}])
def test_everything_else_stays(task: dict[str, Any]) -> None:
    assert without_payload(dict(task)) == task
