from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport.messages import (
    MAX_MESSAGE_BYTES,
    MessageClient,
    MessageServer,
    request,
)
from tests.transport.strangers import resident_bytes, send_without_end


def test_a_request_gets_its_reply() -> None:
    with MessageServer(lambda message: message[::-1]) as server:
        assert server.endpoint == f"tcp://127.0.0.1:{server.port}"
        assert request(server.endpoint, b"abc", 5.0) == b"cba"


@given(message=st.binary(max_size=1000))
@settings(max_examples=30)
def test_any_bytes_are_carried(message: bytes) -> None:
    with MessageServer(lambda message: message) as server:
        assert request(server.endpoint, message, 5.0) == message


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://10.0.0.5:5000",
        "tcp://localhost.evil.example:5000",
        "tcp://0.0.0.0:5000",
        "tcp://127.0.0.1:0;10.0.0.5:5000",
        "tcp://127.0.0.1:5000/x",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:port",
        "tcp://127.0.0.1:123456",
        "ipc://labctl",
        "",
    ],
)
def test_only_this_machine_is_talked_to(endpoint: str) -> None:
    """`tcp://SOURCE;TARGET` is ZeroMQ's way to choose the interface (zmq_tcp(7))."""
    with pytest.raises(LinkError, match="this machine only"):
        request(endpoint, b"", 0.1)


def test_the_server_is_not_reachable_from_outside() -> None:
    with (
        MessageServer(lambda message: message) as server,
        # The whole of 127/8 is this machine, but only one address of it is bound.
        socket.socket() as stranger,
        pytest.raises(ConnectionRefusedError),
    ):
        stranger.connect(("127.0.0.2", server.port))


def test_nobody_answering_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(ReplyTimeoutError, match=r"no answer within 0\.05 s.*127\.0\.0\.1"):
            request(endpoint, b"status", 0.05)


def test_a_message_that_is_too_large_is_refused_before_it_is_sent() -> None:
    with MessageServer(lambda message: message) as server:
        assert len(request(server.endpoint, bytes(MAX_MESSAGE_BYTES), 5.0)) == MAX_MESSAGE_BYTES
        with pytest.raises(LinkError, match="1048577 bytes"):
            request(server.endpoint, bytes(MAX_MESSAGE_BYTES + 1), 5.0)


def _send_garbage(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))


def _send_too_much(port: int) -> None:
    """A client of another make, which does not limit itself."""
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(f"tcp://127.0.0.1:{port}")
        client.send(bytes(MAX_MESSAGE_BYTES + 1))
        assert not client.poll(100)


def _send_without_envelope(port: int) -> None:
    """A socket that does not speak request and reply."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(f"tcp://127.0.0.1:{port}")
        client.send_multipart([b"no", b"empty", b"frame"])
        assert not client.poll(50)


def _send_two_parts(port: int) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(f"tcp://127.0.0.1:{port}")
        client.send_multipart([b"first", b"second"])
        client.poll(50)


def _hang_up(port: int) -> None:
    """Ask and leave before the answer."""
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.connect(f"tcp://127.0.0.1:{port}")
        client.send(b"x")


@pytest.mark.parametrize(
    "misbehave",
    [_send_garbage, _send_too_much, _send_without_envelope, _send_two_parts, _hang_up],
)
def test_a_client_that_misbehaves_does_not_disturb_the_others(
    misbehave: Callable[[int], None],
) -> None:
    with MessageServer(lambda message: message) as server:
        for _ in range(5):
            misbehave(server.port)
        assert request(server.endpoint, b"safe", 5.0) == b"safe"


def test_slow_requests_do_not_keep_others_waiting() -> None:
    released = threading.Event()

    def handle(message: bytes) -> bytes:
        if message == b"slow":
            released.wait(10.0)
        return message

    with MessageServer(handle) as server:
        replies: list[bytes] = []
        slow = [
            threading.Thread(target=lambda: replies.append(request(server.endpoint, b"slow", 10.0)))
            for _ in range(3)
        ]
        for thread in slow:
            thread.start()
        began = time.monotonic()
        assert request(server.endpoint, b"safe", 5.0) == b"safe"
        assert time.monotonic() - began < 5.0
        assert replies == []
        released.set()
        for thread in slow:
            thread.join()
    assert replies == [b"slow"] * 3


def test_hung_requests_never_keep_another_waiting() -> None:
    """Whatever is free takes the next request; none is kept for a worker that is busy."""
    released = threading.Event()

    def handle(message: bytes) -> bytes:
        if message == b"hung":
            released.wait(30.0)
        return message

    with MessageServer(handle) as server, MessageClient(server.endpoint) as client:
        hung = [threading.Thread(target=client.ask, args=(b"hung", 30.0)) for _ in range(12)]
        for thread in hung:
            thread.start()
        for _ in range(40):
            assert client.ask(b"safe", 5.0) == b"safe"
        released.set()
        for thread in hung:
            thread.join()


def test_a_client_keeps_its_connection() -> None:
    with MessageServer(lambda message: message) as server, MessageClient(server.endpoint) as client:
        for n in range(50):
            assert client.ask(b"%d" % n, 5.0) == b"%d" % n
        assert len(client._idle) == 1


def test_a_late_reply_is_never_taken_for_the_next_one() -> None:
    released = threading.Event()

    def handle(message: bytes) -> bytes:
        if message == b"late":
            released.wait(10.0)
        return message

    with MessageServer(handle) as server, MessageClient(server.endpoint) as client:
        with pytest.raises(ReplyTimeoutError, match=r"no answer within 0\.05 s"):
            client.ask(b"late", 0.05)
        released.set()
        assert client.ask(b"next", 5.0) == b"next"


def test_a_server_that_is_gone_is_not_waited_for() -> None:
    server = MessageServer(lambda message: message)
    with MessageClient(server.endpoint) as client:
        server.close()
        began_s = time.monotonic()
        with pytest.raises(LinkError, match="the process that was asked is gone"):
            client.ask(b"x", 60.0, is_there=lambda: False)
        assert time.monotonic() - began_s < 10.0


def test_closing_a_client_ends_what_waits_in_other_threads() -> None:
    released = threading.Event()
    asked = threading.Event()
    errors: list[LinkError] = []

    def handle(message: bytes) -> bytes:
        asked.set()
        released.wait(30.0)
        return message

    with MessageServer(handle) as server:
        client = MessageClient(server.endpoint)

        def ask() -> None:
            try:
                client.ask(b"x", 60.0)
            except LinkError as error:
                errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(5.0)
        client.close()
        thread.join()
        released.set()
    assert "this client was closed" in str(errors[0])
    with pytest.raises(LinkError, match="this client was closed"):
        client.ask(b"x", 1.0)


def test_a_server_with_a_password_answers_only_who_knows_it() -> None:
    def is_password(text: str) -> bool:
        return text == "sesame"

    with MessageServer(lambda message: message, is_password=is_password) as server:
        for wrong in ("", "barley", "sesam", "ü"):
            with pytest.raises(ReplyTimeoutError):
                request(server.endpoint, b"x", 0.1, password=wrong)
        assert request(server.endpoint, b"x", 5.0, password="sesame") == b"x"  # noqa: S106


def test_a_message_without_end_from_a_stranger_costs_no_memory() -> None:
    with MessageServer(lambda message: message, is_password=lambda text: text == "a") as server:
        before = resident_bytes()
        with pytest.raises(OSError):  # noqa: PT011  broken pipe, or reset
            send_without_end(server.port)
        assert resident_bytes() - before < 20_000_000
        assert request(server.endpoint, b"x", 5.0, password="a") == b"x"  # noqa: S106


def test_a_handler_that_fails_costs_one_answer_and_no_worker() -> None:
    def handle(message: bytes) -> bytes:
        if message == b"bad":
            raise RuntimeError("a bug in a handler")
        return message

    with MessageServer(handle) as server:
        for _ in range(8):
            assert request(server.endpoint, b"bad", 5.0) == b""
        assert request(server.endpoint, b"good", 5.0) == b"good"


def test_a_closed_server_answers_no_more_and_leaves_no_thread() -> None:
    server = MessageServer(lambda message: message)
    server.close()
    with pytest.raises(ReplyTimeoutError):
        request(server.endpoint, b"status", 0.05)
    assert not [t for t in threading.enumerate() if t.name.startswith("control ")]
