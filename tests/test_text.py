"""Tables for a terminal."""

from minigrad.text import table


def test_words_stand_to_the_left_and_numbers_to_the_right():
    assert table(("name", "count"), [("a", 1), ("long name", "1,200")]) == (
        "name       count\n---------  -----\na              1\nlong name  1,200"
    )


def test_a_table_may_be_empty_and_without_a_rule():
    assert table(("name", "x"), [], rule=False) == "name  x"
