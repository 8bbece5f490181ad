from pathlib import Path

import pytest

from clipspect.data.paths import is_photo, key_of, label_candidates, read_capped, walk, within


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.b.Png", "a.bmp", "a.webp", "a.tif", "a.TIFF"])
def test_a_photo_is_known_by_its_suffix(name):
    assert is_photo(Path(name))


@pytest.mark.parametrize("name", ["a.gif", "a.txt", "jpg", ".jpg", "a.jpg.txt"])
def test_everything_else_is_no_photo(name):
    assert not is_photo(Path(name))


def test_a_path_is_within_where_dots_and_links_end_inside(tmp_path):
    root = (tmp_path / "site").resolve()
    (root / "deep").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "deep")
    (root / "self").symlink_to(root / "self")
    assert within(root, root)
    assert within(root, root / "deep/../deep/a.jpg")
    assert within(root, root / "in/a.jpg")
    assert not within(root, root / "../a.jpg")
    assert not within(root, root / "out/a.jpg")
    assert not within(root, root / "out/site/../a.jpg")
    assert not within(root, tmp_path / "site-2/a.jpg")  # a longer name is not inside
    assert not within(root, Path("/etc/passwd"))
    assert not within(root, root / "self")


def test_keys_are_posix_and_can_always_be_written(tmp_path):
    assert key_of(tmp_path, tmp_path / "a b" / "c.jpg") == "a b/c.jpg"
    assert key_of(tmp_path, tmp_path / "\udcff.jpg") == "\\xff.jpg"


@pytest.mark.parametrize(
    ("photo", "labels"),
    [
        ("a.jpg", ["a.txt"]),
        ("images.jpg", ["images.txt"]),
        ("images/a.jpg", ["labels/a.txt", "images/a.txt"]),
        ("images/x/images/y/a.b.jpg", ["images/x/labels/y/a.b.txt", "images/x/images/y/a.b.txt"]),
        ("myimages/a.jpg", ["myimages/a.txt"]),
    ],
)
def test_label_candidates_swap_the_last_folder_called_images(photo, labels):
    assert [path.as_posix() for path in label_candidates(Path(photo))] == labels


def test_a_walk_is_sorted_and_sees_each_folder_once(tmp_path):
    root = tmp_path.resolve()
    for name in ("b.jpg", "a/z.jpg", "a/y.txt", "a/.hidden.jpg", ".git/x.jpg", "c.pdf"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    (root / "a/up").symlink_to(root)
    found = walk(root, root)
    assert [path.name for path in found.photos] == ["z.jpg", "b.jpg"]
    assert [path.name for path in found.texts] == ["y.txt"]
    assert found.hidden == 2
    assert not found.problems


def test_reading_stops_one_byte_after_the_limit(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12345")
    assert read_capped(tmp_path / "a.txt", 3) == b"1234"
    with pytest.raises(OSError, match="not a regular file"):
        read_capped(tmp_path, 3)
