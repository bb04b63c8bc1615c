from __future__ import annotations

from monitor.notify.progress import Progress, StepRefusal, Steps


def test_what_is_done_is_remembered_until_the_end() -> None:
    progress = Progress()
    progress.of("a").done.add("1")
    progress.of("b").refused.append(StepRefusal("http_400", "no"))
    assert progress.of("a") == Steps({"1"})
    assert progress.of("b") == Steps(refused=[StepRefusal("http_400", "no")])
    progress.end("a")
    progress.end("never begun")
    assert progress.of("a") == Steps()


def test_of_notifications_that_never_ended_the_oldest_are_forgotten() -> None:
    progress = Progress()
    for number in range(1500):
        progress.of(str(number)).done.add("x")
    assert progress.of("1499") == Steps({"x"})
    assert progress.of("600") == Steps({"x"})
    assert progress.of("400") == Steps()
