"""A limit holds in any thread, and nothing is raised after the block."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from gancheck.theory import Loss, analyse
from gancheck.theory.deadline import OutOfTime, deadline


def _busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_the_limit_is_on_processor_time_in_any_thread() -> None:
    ends = list[str]()

    def work() -> None:
        try:
            with deadline(0.05):
                time.sleep(0.2)  # sleeping is free
                _busy(5)
        except OutOfTime:
            ends.append("out of time")

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    before = time.thread_time()
    with pytest.raises(OutOfTime), deadline(0.05):
        _busy(5)
    assert time.thread_time() - before < 1
    assert ends == ["out of time"]


def test_what_the_garbage_collector_takes_is_not_the_question_s() -> None:
    def slow(phase: str, info: dict[str, int]) -> None:
        del info
        if phase == "start":
            _busy(0.3)

    known = list(gc.callbacks)
    gc.callbacks.append(slow)
    try:
        with deadline(0.1):
            gc.collect()  # three times the limit, and none of it counts
            gc.collect()
    finally:
        gc.callbacks.remove(slow)
    assert gc.callbacks == known


def test_nothing_is_raised_once_the_block_is_left() -> None:
    for _ in range(200):
        try:
            with deadline(0.002):
                _busy(0.002)
        except OutOfTime:
            pass
        _busy(0.0005)
    assert threading.active_count() < 20


def test_a_loss_is_analysed_in_a_thread_as_in_the_main_one() -> None:
    loss = Loss(real="-softplus(-d)", fake="-softplus(d)")
    found = list[object]()
    worker = threading.Thread(target=lambda: found.append(analyse(loss).to_json()))
    worker.start()
    worker.join()
    assert found == [analyse(loss).to_json()]
