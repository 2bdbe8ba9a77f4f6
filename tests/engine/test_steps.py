"""Long work: iterated, wrapped, asked for its result, closed at any step."""

from __future__ import annotations

import pytest

from cnnvis_widgets import Step, Steps


def _work(total=4, log=None):
    def generator():
        try:
            for done in range(1, total + 1):
                yield Step(done, total, done * 10)
        finally:
            if log is not None:
                log.append("undone")

    return Steps(generator(), total)


def test_steps_rise_to_their_total_and_carry_what_can_be_shown():
    steps = list(_work())
    assert [step.done for step in steps] == [1, 2, 3, 4]
    assert {step.total for step in steps} == {4}
    assert steps[-1].result == _work().result() == 40


def test_a_result_may_be_asked_for_after_some_steps_and_again():
    work = _work()
    next(work)
    assert work.result() == 40
    assert work.result() == 40


@pytest.mark.parametrize("taken", range(4))
def test_work_closed_at_any_step_is_undone_and_has_no_result(taken):
    log = []
    work = _work(log=log)
    for _ in range(taken):
        next(work)
    work.close()
    work.close()
    assert log == (["undone"] if taken else [])
    assert list(work) == []
    with pytest.raises(RuntimeError, match="closed before its last step, so there is no result: start it again"):
        work.result()


def test_work_closed_after_its_last_step_keeps_its_result():
    work = _work()
    for _ in range(4):
        next(work)
    work.close()
    assert work.result() == 40


def test_the_with_statement_closes_even_where_an_error_ends_it():
    log = []
    with pytest.raises(ZeroDivisionError), _work(log=log) as work:
        1 / (len(list(zip(work, range(1), strict=False))) - 1)
    assert log == ["undone"]


def test_an_error_within_the_work_comes_through_and_leaves_no_result():
    def fails():
        yield Step(1, 2, "half")
        raise ZeroDivisionError

    work = Steps(fails(), 2)
    with pytest.raises(ZeroDivisionError):
        work.result()
    with pytest.raises(RuntimeError, match="no result"):
        work.result()


def test_tqdm_knows_the_length():
    tqdm = pytest.importorskip("tqdm")
    with tqdm.tqdm(_work(), disable=True) as bar:
        assert len(bar) == 4
        assert [step.done for step in bar] == [1, 2, 3, 4]
    assert len(_work()) == 4
