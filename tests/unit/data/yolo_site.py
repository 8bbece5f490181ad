"""YOLO data sets that tests build."""

from pathlib import Path

ROW = "0 0.5 0.5 0.2 0.4\n"
YAML = "train: train/images\nval: valid/images\nnames: [drain, rock toe]\n"


def put(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def photo(split: str, name: str, row: str | bytes | None = ROW, suffix: str = ".jpg") -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {f"{split}/images/{name}{suffix}": b"not decoded here"}
    return files if row is None else files | {f"{split}/labels/{name}.txt": row}


def found(index):
    return [(p.file, p.line, p.code) for p in index.quarantined]


def keys(index, *splits):
    return [photo.key for photo in (index.of_split(*splits) if splits else index.photos)]
