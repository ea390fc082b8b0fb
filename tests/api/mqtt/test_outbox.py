"""What waits for a slow subscriber is bounded: of each subject the newest stays, and the others are counted."""

from __future__ import annotations

from citytwin.api.mqtt.outbox import Message, Outbox


def everything(outbox: Outbox) -> list[Message]:
    found = []
    while (message := outbox.take()) is not None:
        found.append(message)
    return found


def test_in_order_while_there_is_room_and_then_the_newest_of_each_subject() -> None:
    woken: list[bool] = []
    outbox = Outbox(lambda: woken.append(True), room=100)
    sent = [Message("t", str(n).encode(), key=str(n % 7)) for n in range(1000)]
    for n, message in enumerate(sent, 1):
        outbox.put(message)
        assert len(outbox) <= 100
        if n == 100:
            assert outbox.missed == 0
    found = everything(outbox)
    assert found[-7:] == sent[-7:]
    assert found == sorted(found, key=lambda m: int(m.payload))
    assert len(found) + outbox.missed == 1000
    assert len(woken) == 1


def test_subjects_without_end_and_large_messages_are_bounded_too() -> None:
    many = Outbox(lambda: None, room=100)
    for n in range(1000):
        many.put(Message("t", b"", key=str(n)))
        assert len(many) <= 100
    assert everything(many)[-1].key == "999"
    large = Outbox(lambda: None, room_bytes=10_000)
    for n in range(100):
        large.put(Message("t", b"x" * 1000, key=str(n)))
        assert len(large) <= 10
    assert everything(large)[-1].key == "99"
    assert large.missed > 80
