"""What senders say they lost: the last word of each counts."""

from __future__ import annotations

from typing import Any

import pytest

from apilog.collector.protocols.refusing import Refused
from apilog.collector.senders import MAX_SENDERS, Senders


def test_the_last_word_of_each_sender_counts() -> None:
    senders = Senders()
    senders.take({"sender": "a", "captured": 5, "dropped": {"queue_full": 2}})
    senders.take({"sender": "a", "captured": 9, "dropped": {"queue_full": 3}})
    senders.take({"sender": "b", "captured": 1, "spooled": 1, "dropped": {"<b>": 1}})
    assert senders.total() == {
        "senders": 2, "captured": 10, "delivered": 0, "spooled": 1, "quarantined": 0,
        "dropped": {"queue_full": 3, "<b>": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"sender": 1},
        {"sender": "a", "dropped": []},
        {"sender": "a", "dropped": {"x": -1}},
        {"sender": "a", "dropped": {"x": True}},
        {"sender": "a", "captured": "many"},
        {"sender": "a", "captured": 2**53},
        {"sender": "a", "dropped": {str(number): 1 for number in range(101)}},
    ],
)
def test_what_is_no_account_is_refused(said: Any) -> None:
    senders = Senders()
    with pytest.raises(Refused) as refused:
        senders.take(said)
    assert refused.value.status == 400
    assert senders.total()["senders"] == 0


def test_of_too_many_senders_the_silent_are_forgotten() -> None:
    senders = Senders()
    for number in range(MAX_SENDERS + 5):
        senders.take({"sender": str(number), "dropped": {"x": 1}})
        senders.take({"sender": "0", "captured": 1})
    assert senders.total()["senders"] == MAX_SENDERS
    assert senders.total()["captured"] == 1
