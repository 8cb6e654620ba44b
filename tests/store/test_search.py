"""Words of executions and of questions meet."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_async_exec.store import search
from jupyter_async_exec.testing.factories import make_execution

SAFE_TERM = re.compile(r'"[^"\x00]+"\*?')


@given(st.text())
@example('"*) OR NEAR(')
@example("\ue001一")
@example("ﬁ ½ \uff02quoted\uff02")
def test_a_question_holds_nothing_but_quoted_tokens(text: str) -> None:
    question = search.question(text)

    if question is not None:
        rest = SAFE_TERM.sub("t", question)
        assert set(re.split(r"[() ]+", rest)) <= {"t", "AND", "OR", ""}


@given(st.text(min_size=1, max_size=60))
@example("learning_rate=0.01")
@example("İstanbul")
def test_what_was_written_finds_what_it_was_written_in(text: str) -> None:
    tokens = search.words(make_execution(title="", parameters={}, note=text)).split(" ")
    question = search.question(text)

    if question is None:
        return
    for term in question.split(" AND "):
        alternatives = re.findall(r'"([^"]+)"(\*?)', term)
        if alternatives[0][0][0] == search.NUMBER:
            continue
        assert any(
            token == wanted or (star and token.startswith(wanted))
            for wanted, star in alternatives
            for token in tokens
        ), term


@given(st.text(), st.text())
def test_no_user_text_is_a_facet(title: str, tag: str) -> None:
    bare = search.words(make_execution(title="", note="", tags=()))
    dressed = search.words(make_execution(title=title, note=tag, tags=()))

    def facets(words: str) -> set[str]:
        return {word for word in words.split(" ") if "\ue000" <= word[:1] <= "\uf8ff"}

    assert facets(dressed) == facets(bare)


def test_a_long_text_has_bounded_words() -> None:
    long = " ".join(f"word{n}" for n in range(100_000))

    words = search.words(make_execution(note=long, parameters={"x": long}))

    assert len(words.split(" ")) < 2_500
    assert search.question(long) is not None
