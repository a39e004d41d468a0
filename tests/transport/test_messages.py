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
from labctl.transport.messages import MAX_MESSAGE_BYTES, MessageServer, request


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
