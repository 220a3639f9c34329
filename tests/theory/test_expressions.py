"""Text that is wrong, hostile or odd gets a sentence with a column, at once."""

from __future__ import annotations

import pytest

from gancheck.theory.expressions import ExpressionError, d, parse


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a value"), ("9**9**9**9", "exponent"), ("(" * 90, "nested"),
        ("nan", "free symbol 'nan'"), ("-cos(d)-o", "'o', only d may occur, at column 9"),
        ("log(d", "expected ')'"), ("1/0", "division by zero"), ("((d**9)**9)**9", "too large"),
        ("log(0)", "not a finite"), ("sqrt(-1)", "not a finite"), ("d d", "unexpected 'd'"),
        ("__import__(1)", "unknown function"), ("d.real", "unexpected"), ("d" * 401, "characters"),
        ("log(d_real - d_fake)", "not separable"), ("(E(d) - 1)^2", "not separable"),
        ("1e999", "digits"), ("d**-400", "exponent"), ("log(d, 2)", "one argument"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    assert says in str(wrong.value)


def test_signs_and_decimals_are_read_exactly() -> None:
    assert parse("--d") == d
    assert parse("-d^2") == -(d**2)
    assert parse("0.1*d") * 10 == d
    assert parse("2^3^1") == 8
