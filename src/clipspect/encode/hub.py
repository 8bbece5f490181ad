"""`hf:` names to folders on this machine, over the network only where that is wanted and needed.

What lies in the hub's local cache is used as it is: no check for a newer version, so the same command gives the same
features next week, and no socket is opened for a model that is here.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from clipspect.encode.installed import require
from clipspect.encode.quiet import first_line
from clipspect.errors import EncoderError, EncoderNotFoundError, OfflineError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
)
_TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")


def resolve(name: str, *, offline: bool) -> Path:
    """The folder that holds a model, downloaded first if it must and may be.

    Args:
        name: A local folder, or a hub id ("openai/clip-vit-large-patch14").
        offline: Open no socket; `HF_HUB_OFFLINE=1` says the same.

    Raises:
        EncoderNotFoundError: There is no such folder, or no such model on the hub.
        OfflineError: The model is not on this machine and the network may not or cannot be used.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(name) or folder.exists():
        got = "a file" if folder.exists() else "nothing there"
        raise EncoderNotFoundError(f"hf:{name}: expected a folder with a model or a hub id 'owner/name', got {got}")
    require(("huggingface_hub",), extra="fit", needed_by=f"hf:{name}")
    cached = _snapshot(name, local=True)
    if cached is not None and not lacking(cached):
        return cached
    if offline or offline_by_environment():
        found = "incomplete" if cached else "not"
        raise OfflineError(
            f"hf:{name}: offline, and the model is {found} in the local hub cache ({_hub_cache()})"
            f"{': no ' + ', '.join(lacking(cached)) if cached else ''}; {_WAYS_OUT}"
        )
    downloaded = _snapshot(name, local=False)
    if downloaded is None:
        raise OfflineError(f"hf:{name}: could not be downloaded; {_WAYS_OUT}")
    return downloaded


_WAYS_OUT = (
    "copy the model's folder here and name it (hf:FOLDER), download it on a machine with network "
    "(hf download ID) and copy the cache, or take --encoder starter, which needs no hub"
)


def _snapshot(name: str, *, local: bool) -> Path | None:
    """The snapshot's folder; None where it is not in the local cache."""
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(
            snapshot_download(name, allow_patterns=list(_WANTED), ignore_patterns=["*/*"], local_files_only=local)
        )
    except errors.GatedRepoError as error:
        raise EncoderError(
            f"hf:{name}: its owner wants you to accept terms first: see the model's page, then run 'hf auth login'"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EncoderNotFoundError(f"hf:{name}: no such model on the hub, or it is private") from error
    except errors.HFValidationError as error:
        raise EncoderNotFoundError(f"hf:{name}: expected a hub id 'owner/name'; {error}") from error
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, errors.HTTPError, OSError) as error:
        if local:
            return None
        reason = first_line(error)
        raise OfflineError(
            f"hf:{name}: the hub cannot be reached ({reason}), and the model is not in the local hub "
            f"cache ({_hub_cache()}); {_WAYS_OUT}"
        ) from error


def _hub_cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def offline_by_environment() -> bool:
    """Whether HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE asks for no sockets."""
    return any(
        os.environ.get(name, "").upper() in {"1", "TRUE", "YES", "ON"}
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def lacking(folder: Path) -> list[str]:
    """What a model's folder lacks to be loaded, empty where it is complete."""
    lacks = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any((folder / name).is_file() for name in _PROCESSORS):
        lacks.append(_PROCESSORS[0])
    if not (folder / _WEIGHTS).is_file():
        shards = _shards(folder)
        lacks += [_WEIGHTS] if not shards else [p.name for p in shards if not p.is_file()]
    return lacks


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """A JSON object from a model's folder.

    Raises:
        EncoderError: It is missing or not a JSON object.
    """
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EncoderError(f"{folder}: expected a model's folder with {name}, found none") from error
    except (OSError, ValueError) as error:
        raise EncoderError(f"{folder / name}: expected JSON: {error}") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{folder / name}: expected a JSON object, got {type(content).__name__}")
    return content


def processor_settings(folder: Path) -> dict[str, Any]:
    """The image processor's settings, from whichever file holds them, as transformers looks for them."""
    for name in reversed(_PROCESSORS):
        if (folder / name).is_file():
            settings = read_config(folder, name)
            if name == _PROCESSORS[0]:
                return settings
            if isinstance(settings.get("image_processor"), dict):
                return dict(settings["image_processor"])
    raise EncoderError(f"{folder}: expected {_PROCESSORS[0]}, found none; it says how pictures are prepared")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up the model.

    Raises:
        EncoderError: There are none, or only weights that would have to be unpickled.
    """
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    shards = _shards(folder)
    absent = [path.name for path in shards if not path.is_file()]
    if shards and not absent:
        return shards
    if absent:
        raise EncoderError(f"{folder}: {_INDEX} names {absent[0]}, which is not there ({len(absent)} missing)")
    pickled = sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt"})
    if pickled:
        raise EncoderError(
            f"{folder}: expected {_WEIGHTS}, got {pickled[0]}, which is a pickle and could run code; "
            "convert it to safetensors on a machine you trust it on (model.save_pretrained writes safetensors)"
        )
    raise EncoderError(f"{folder}: expected {_WEIGHTS} or {_INDEX}, found neither")


def _shards(folder: Path) -> list[Path]:
    if not (folder / _INDEX).is_file():
        return []
    names = read_config(folder, _INDEX).get("weight_map", {})
    if not isinstance(names, dict) or not all(isinstance(n, str) and Path(n).name == n for n in names.values()):
        raise EncoderError(f"{folder / _INDEX}: expected weight_map to name files of the same folder")
    return [folder / name for name in sorted(set(names.values()))]


def image_files(folder: Path) -> list[Path]:
    """All files that picture features depend on."""
    settings = [folder / name for name in ("config.json", *_PROCESSORS) if (folder / name).is_file()]
    return [*weight_files(folder), *settings]


def text_files(folder: Path) -> list[Path]:
    """All files that text vectors depend on.

    Raises:
        EncoderError: There is no tokenizer.
    """
    tokenizer = [folder / name for name in _TOKENIZERS if (folder / name).is_file()]
    if not tokenizer:
        raise EncoderError(f"{folder}: expected a tokenizer ({', '.join(_TOKENIZERS)}), found none")
    extras = [folder / name for name in _TOKENIZER_EXTRAS if (folder / name).is_file()]
    return [*weight_files(folder), folder / "config.json", *tokenizer, *extras]


def read_tensor(folder: Path, name: str) -> Any:  # noqa: ANN401 - numpy array
    """One tensor of the weights as float32, without loading the model.

    Raises:
        EncoderError: No file holds it, or the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as tensors:
                if name in tensors.keys():  # noqa: SIM118 - not a dict
                    return tensors.get_tensor(name).float().numpy()
        except (SafetensorError, OSError) as error:
            raise EncoderError(f"{path}: damaged, cannot be read as safetensors: {error}") from error
    raise EncoderError(f"{folder}: expected the weights to hold {name!r}, found no such tensor")
