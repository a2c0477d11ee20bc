# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading: lenient with what people leave in a file, strict with what is not whole (convox-protocol, 2)."""
from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.convox.credentials.plugins.module_utils import files
from ansible_collections.convox.credentials.plugins.module_utils.errors import Damaged, StoreFailed
from tests.unit.plugins.module_utils.support import NEW, OLD, OTHER, failing, listing

# Also what looks like a comma too many, where it is none.
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(['",}"', ",]", ', }\\"', "\\", '\\",]', "\u2028", "\U0001f511", "\x00"]))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12)


def dumped(value: t.Any, draw: t.Callable[[st.SearchStrategy[t.Any]], t.Any]) -> str:
    """JSON with white space, and with a comma after the last item where there is one and chance will have it."""
    space = draw(st.sampled_from(["", " ", "\n  ", "\t"]))
    if isinstance(value, dict) and value:
        inner = ",".join(f"{space}{json.dumps(name)}{space}:{dumped(each, draw)}" for name, each in value.items())
        return "{%s%s%s%s}" % (inner, space, draw(st.sampled_from(["", ","])), space)
    if isinstance(value, list) and value:
        return "[%s%s%s]" % (",".join(dumped(each, draw) for each in value), draw(st.sampled_from(["", ","])), space)
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def people_json(draw: t.Any) -> tuple[dict[str, t.Any], str]:
    """An object, and how somebody may have left it in a file."""
    value = draw(st.dictionaries(TEXTS, VALUES, max_size=4))
    return value, draw(st.sampled_from(["", "\ufeff"])) + dumped(value, draw) + draw(st.sampled_from(["", "\n"]))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for many examples."""
    return tmp_path_factory.mktemp("lenient") / "auth"


@given(example=people_json())
def test_trailing_commas_and_marks_are_read_over(scratch: Path, example: tuple[dict[str, t.Any], str]) -> None:
    value, text = example
    scratch.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert files.read_json(str(scratch)) == value


@given(value=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_back_in_its_order(scratch: Path, value: dict[str, t.Any]) -> None:
    files.write_json(str(scratch), value)
    back = files.read_json(str(scratch))
    assert (back, list(back)) == (value, list(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "b",}', {"a": "b"}),
        ('\ufeff{"a": "b", }\n', {"a": "b"}),
        ('{"a": ",}", "b": [1, 2, ], }', {"a": ",}", "b": [1, 2]}),
        ('{"a\\"": "\\\\",}', {'a"': "\\"}),
        ('{"a": "\\",}",}', {"a": '",}'}),
        ("{}", {}),
        ("{,}", {}),
        (" {\r\n} ", {}),
    ],
)
def test_as_people_leave_it(tmp_path: Path, text: str, value: dict[str, t.Any]) -> None:
    path = tmp_path / "auth"
    path.write_text(text, encoding="utf-8", newline="")
    assert files.read_json(str(path)) == value


def test_no_file_is_no_entries(tmp_path: Path) -> None:
    assert files.read_json(str(tmp_path / "auth")) == {}
    assert files.read(str(tmp_path / "auth")) is None


WHOLE = json.dumps({"a.example.com": OLD, "b.example.com:5443": OTHER}, indent=2)


@pytest.mark.parametrize("length", range(len(WHOLE) - 1))
def test_cut_anywhere_it_is_damaged_and_stays_as_it_is(tmp_path: Path, length: int) -> None:
    """The CLI leaves this when it is killed while it writes; what can be recovered is named, and no key is."""
    path = tmp_path / "auth"
    path.write_text(WHOLE[:length], encoding="utf-8")
    whole_entries = [host for host, end in (("a.example.com", f'"{OLD}"'), ("b.example.com", f'"{OTHER}"')) if end in WHOLE[:length]]
    with failing(Damaged, str(path), "nothing was changed", *whole_entries, hiding=[OLD, OTHER]):
        with files.updating(str(path)) as data:
            data["c.example.com"] = NEW
    assert path.read_text(encoding="utf-8") == WHOLE[:length]


@pytest.mark.parametrize("text", ["", " ", "\ufeff", "null", "[]", '"text"', "7", "{'a': 'b'}", '{"a" "b"}', "[" * 100_000, '{"a": ' * 100_000])
def test_anything_but_an_object_is_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth"
    path.write_text(text, encoding="utf-8")
    with failing(Damaged, str(path), "nothing was changed"):
        files.read_json(str(path))


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', bytes(range(256))])
def test_another_encoding_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "auth"
    path.write_bytes(content)
    with failing(Damaged, str(path), "UTF-8"):
        files.read_json(str(path))
    assert path.read_bytes() == content


@st.composite
def cut_json(draw: t.Any) -> bytes:
    """What somebody may have left in a file, cut anywhere."""
    text = draw(people_json())[1].encode("utf-8", "surrogatepass")
    return bytes(text[: draw(st.integers(0, len(text)))])


@given(content=st.binary(max_size=60) | cut_json())
def test_whatever_is_in_it_is_an_object_or_damage(scratch: Path, content: bytes) -> None:
    """No other error, and nothing is written."""
    scratch.write_bytes(content)
    said = str(scratch)
    try:
        assert isinstance(files.read_json(str(scratch)), dict)
    except Damaged as exc:
        said = str(exc)
    assert str(scratch) in said
    assert "\n" not in said
    assert scratch.read_bytes() == content


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    with failing(StoreFailed, str(tmp_path), "directory"):
        files.read_json(str(tmp_path))


def test_entries_that_are_not_ours_stay_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    before = {"z": OLD, "a": {"deep": [1, None]}, "m": "\U0001f511 \u2028 <&>", "": 1.5}
    path.write_text(json.dumps(before), encoding="utf-8")
    with files.updating(str(path)) as data:
        data["new"] = NEW
    after = json.loads(path.read_text(encoding="utf-8"))
    assert (after, list(after)) == ({**before, "new": NEW}, [*before, "new"])


def test_as_the_cli_writes(tmp_path: Path) -> None:
    """Two spaces, no newline at the end, and letters as they are."""
    path = tmp_path / "auth"
    files.write_json(str(path), {"a.example.com": OLD, "b": "\xe9"})
    assert path.read_bytes() == f'{{\n  "a.example.com": "{OLD}",\n  "b": "\xe9"\n}}'.encode()


def test_a_half_character_is_written_all_the_same(tmp_path: Path) -> None:
    """JSON can hold half a character, which UTF-8 can't."""
    path = tmp_path / "auth"
    path.write_text('{"a": "\\ud800"}', encoding="utf-8")
    with files.updating(str(path)) as data:
        data["b"] = NEW
    assert files.read_json(str(path)) == {"a": "\ud800", "b": NEW}


def test_nothing_changed_is_nothing_written(tmp_path: Path) -> None:
    """Not even a trailing comma is tidied up behind somebody's back."""
    path = tmp_path / "auth"
    path.write_text('{"a": "b",}', encoding="utf-8")
    before = path.stat()
    with files.updating(str(path)) as data:
        data["a"] = "b"
    assert (path.read_text(encoding="utf-8"), path.stat().st_ino) == ('{"a": "b",}', before.st_ino)


def test_an_error_in_the_middle_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    path.write_text('{"a": "b"}', encoding="utf-8")

    def change_and_fail() -> None:
        with files.updating(str(path)) as data:
            data["a"] = NEW
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    assert path.read_text(encoding="utf-8") == '{"a": "b"}'
    assert listing(tmp_path) == {"auth", "auth.lock"}
