"""What lies in a landing: which files are an extract, which folders must not be read, and what is named as left out.

Not here: reading the files (test_reading_files.py).
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import fsspec
import pytest

from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.listing import Aside, list_dataset, list_flat, list_root
from orchestration.sources.contract import DATASETS

DAY = date(2026, 3, 2)


def land(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


def source(root: Path) -> FilesSource:
    return FilesSource(DATASETS["messages"], str(root))


def refused(root: Path) -> str:
    with pytest.raises(Refusal) as refusal:
        list(source(root).read(DAY).batches)
    return str(refusal.value)


@pytest.mark.parametrize("folder", ["2026-03-02", "dt=2026-03-02"])
def test_a_days_folder(tmp_path: Path, folder: str) -> None:
    names = ("b.jsonl", "a.csv", "_SUCCESS", "._SUCCESS.crc", "c.tmp")
    land(tmp_path, *(f"messages/{folder}/{name}" for name in names))
    listing = list_dataset(str(tmp_path), "messages")
    assert [file.name for file in listing.days[DAY].files] == ["a.csv", "b.jsonl"]
    assert (listing.days[DAY].faults, listing.asides) == ([], [])
    assert list_dataset(str(tmp_path), "messages", [DAY]) == listing
    assert [file.name for file in source(tmp_path).read(DAY).files] == ["a.csv", "b.jsonl"]


def test_two_folders_of_one_day_and_folders_inside_it(tmp_path: Path) -> None:
    land(tmp_path, "messages/2026-03-02/a.jsonl", "messages/dt=2026-03-02/a.jsonl")
    assert "there are two folders of this day, 2026-03-02 and dt=2026-03-02" in refused(tmp_path)
    before = source(tmp_path).days(DAY)[DAY]
    (tmp_path / "messages/dt=2026-03-02/a.jsonl").unlink()
    (tmp_path / "messages/dt=2026-03-02").rmdir()
    assert source(tmp_path).days(DAY)[DAY] != before, "what was mended is new"
    land(tmp_path, "messages/2026-03-02/hour=08/a.jsonl")
    assert "there is a folder inside the day's, hour=08: half an extract" in refused(tmp_path)


def test_a_day_of_nothing_but_folders_is_refused_too(tmp_path: Path) -> None:
    land(tmp_path, "messages/2026-03-02/spark.jsonl/part-0.jsonl")
    assert "there is a folder inside the day's, spark.jsonl" in refused(tmp_path)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    """An export that wrote one file, called like the day or the dataset."""
    land(tmp_path, "messages/2026-03-02", "messages/2026-03-03/a.jsonl", "orders")
    listing = list_dataset(str(tmp_path), "messages")
    assert list(listing.days) == [date(2026, 3, 3)]
    assert listing.asides == [Aside("messages/2026-03-02", "a file outside the folders of days")]
    assert list_dataset(str(tmp_path), "orders").asides == [Aside("orders", "can't be read: Not a directory", True)]


def test_a_link_of_a_dataset_that_leads_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "calls").symlink_to(tmp_path / "away")
    said = [Aside("calls", "can't be read: it is a link that leads to nothing", True)]
    assert list_dataset(str(tmp_path), "calls").asides == said


def test_a_flat_folder_says_what_it_holds_too(tmp_path: Path) -> None:
    """Each file is one extract of its own day; links are what they lead to, and nothing is passed over."""
    land(tmp_path, "in/orders 2026-03-02.csv", "in/notes.txt", "in/old/orders 2025-03-02.csv", "in/.x.csv", "store/a")
    os.utime(tmp_path / "store/a", (0, 1_772_409_600))  # 2026-03-02
    (tmp_path / "in/2026-03-03.csv").symlink_to(tmp_path / "store/a")
    (tmp_path / "in/2026-03-04.csv").symlink_to(tmp_path / "away")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/\xe9 2026-03-05.csv")).write_bytes(b"x")
    listing = list_flat(str(tmp_path / "in"), "name", (".csv",))
    found = {day.day: ([file.name for file in one.files], one.faults) for day, one in listing.days.items()}
    assert found == {
        2: (["orders 2026-03-02.csv"], []),
        3: (["2026-03-03.csv"], []),
        4: ([], ["2026-03-04.csv can't be read: it is a link that leads to nothing"]),
        5: ([], ["the name of the file \\xe9 2026-03-05.csv is not UTF-8, or holds control characters"]),
    }
    assert listing.days[date(2026, 3, 3)].files[0].modified == "1772409600.0"
    asides = [
        Aside("notes.txt", "its name does not end in one of .csv"),
        Aside("old", "a folder, into which `layout: flat` does not look"),
    ]
    assert listing.asides == asides
    by_time = list_flat(str(tmp_path / "in"), "modified", (".csv",))
    assert [file.name for file in by_time.days[DAY].files] == ["2026-03-03.csv"]
    assert Aside("2026-03-04.csv", "can't be read: it is a link that leads to nothing", True) in by_time.asides
    (aside,) = list_flat(str(tmp_path / "away"), "name", (".csv",)).asides
    assert aside.reason == "can't be read: there is no such folder" and aside.is_failure


def test_a_flat_store_says_the_same(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/flat/orders 2026-03-02.csv": b"x", "/flat/notes.txt": b"x"})
    listing = list_flat("memory://flat", "name", (".csv",))
    assert [file.name for file in listing.days[DAY].files] == ["orders 2026-03-02.csv"]
    assert [one.place for one in listing.asides] == ["notes.txt"]


def test_an_empty_folder_is_no_extract(tmp_path: Path) -> None:
    (tmp_path / "messages/2026-03-02").mkdir(parents=True)
    land(tmp_path, "messages/2026-03-03/still.part")
    assert list_dataset(str(tmp_path), "messages").days == {}


ODD = ["messages/2026/03/02/a.jsonl", "messages/20260302/a.jsonl", "messages/2026-02-30/a.jsonl", "messages/a.jsonl"]
SAID = {"messages/2026/03/02", "messages/20260302", "messages/2026-02-30", "messages/a.jsonl"}


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    land(tmp_path, "messages/2026-03-02/a.jsonl", *ODD)
    listing = list_dataset(str(tmp_path), "messages")
    assert {aside.place for aside in listing.asides} == SAID
    assert not any(aside.is_failure for aside in listing.asides)
    assert list(listing.days) == [DAY]


def test_stores_say_the_same(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in ("messages/dt=2026-03-02/a.jsonl", *ODD, "message/2026-03-02/a.jsonl"):
        memory.pipe(f"/odd/{path}", b"x")
    listing = list_dataset("memory://odd", "messages")
    assert {aside.place for aside in listing.asides} == SAID
    assert [file.name for file in listing.days[DAY].files] == ["a.jsonl"]
    assert list_dataset("memory://odd", "messages", [DAY]).days == listing.days
    assert [aside.place for aside in list_root("memory://odd", DATASETS)] == ["message"]
    memory.pipe("/odd/messages/2026-03-02/deep/a.jsonl", b"x")
    faults = list_dataset("memory://odd", "messages").days[DAY].faults
    assert len(faults) == 2 or "two folders" in faults[0], faults
    memory.rm("/odd", recursive=True)


def test_a_misspelt_dataset_is_named_once(tmp_path: Path) -> None:
    land(tmp_path, "message/2026-03-02/a.jsonl", "orders/2026-03-02/a.jsonl", "readme.txt", ".hidden/x")
    assert list_root(str(tmp_path), {"messages"}) == [
        Aside("message", "no dataset is called so: messages?"),
        Aside("orders", "the sources file does not read this dataset from here"),
        Aside("readme.txt", "a file outside the folders of datasets"),
    ]


def test_so_many_places_are_counted(tmp_path: Path) -> None:
    land(tmp_path, *(f"messages/odd{number:02}/a.jsonl" for number in range(15)))
    asides = list_dataset(str(tmp_path), "messages").asides
    assert len(asides) == 11 and asides[-1].reason == "and 5 places more that are not read"


def test_links(tmp_path: Path) -> None:
    """What counts is what they lead to: its size, its time, and that it is there."""
    land(tmp_path, "store/day/a.jsonl", "landing/messages/2026-03-01/x.jsonl")
    landing = tmp_path / "landing"
    (landing / "messages" / "2026-03-02").symlink_to(tmp_path / "store" / "day")
    (tmp_path / "store" / "b.jsonl").write_text("xx")
    (tmp_path / "store" / "day" / "b.jsonl").symlink_to(tmp_path / "store" / "b.jsonl")
    before = source(landing).days(DAY)
    assert [(file.name, file.size) for file in source(landing).read(DAY).files] == [("a.jsonl", 1), ("b.jsonl", 2)]
    os.utime(tmp_path / "store" / "b.jsonl", (1, 1))  # corrected at its source, with the same size
    assert source(landing).days(DAY)[DAY] != before[DAY]
    (tmp_path / "store" / "b.jsonl").unlink()
    assert refused(landing) == "messages/2026-03-02: b.jsonl can't be read: it is a link that leads to nothing"
    (tmp_path / "store" / "b.jsonl").symlink_to(tmp_path / "store" / "day" / "b.jsonl")
    assert "b.jsonl can't be read: " in refused(landing), "links in a circle"


def test_a_link_of_a_day_that_leads_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "2026-03-02").symlink_to(tmp_path / "nowhere")
    assert refused(tmp_path) == "messages/2026-03-02: the folder can't be read: it is a link that leads to nothing"


def test_names_that_can_not_be_written(tmp_path: Path) -> None:
    for name in (b"\xe9t\xe9.jsonl", b"a\x1b[2J.jsonl"):
        land(tmp_path, "messages/2026-03-02/a.jsonl")
        odd = os.fsencode(tmp_path / "messages/2026-03-02") + b"/" + name
        Path(os.fsdecode(odd)).write_text("x")
        said = refused(tmp_path)
        assert "is not UTF-8, or holds control characters" in said and said.isprintable()
        Path(os.fsdecode(odd)).unlink()


def test_what_is_neither_file_nor_folder_is_not_opened(tmp_path: Path) -> None:
    land(tmp_path, "messages/2026-03-02/a.jsonl")
    os.mkfifo(tmp_path / "messages/2026-03-02/pipe.jsonl")
    assert "pipe.jsonl can't be read: it is neither a file nor a folder" in refused(tmp_path)


def test_a_landing_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert list_dataset(str(tmp_path / "none"), "messages").days == {}
    assert list_root(str(tmp_path / "none"), DATASETS) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    land(tmp_path, "messages/2026-03-02/a.jsonl")
    (tmp_path / "messages/2026-03-02").chmod(0)
    assert "the folder can't be read: Permission denied" in refused(tmp_path)
    (tmp_path / "messages/2026-03-02").chmod(0o700)
    (tmp_path / "messages").chmod(0)
    (aside,) = list_dataset(str(tmp_path), "messages").asides
    assert aside == Aside("messages", "can't be read: Permission denied", is_failure=True)
    (tmp_path / "messages").chmod(0o700)


def test_a_store_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise RuntimeError("the bucket says\n\x1b[31mno")

    monkeypatch.setattr(fsspec.filesystem("memory"), "find", down)
    monkeypatch.setattr(fsspec.filesystem("memory"), "ls", down)
    listing = list_dataset("memory://lake", "messages")
    assert listing.asides == [Aside("messages", "can't be read: the bucket says \\x1b[31mno", is_failure=True)]
    assert list_root("memory://lake", DATASETS)[0].is_failure
