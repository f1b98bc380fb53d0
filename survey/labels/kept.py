"""The kept classifier: what was learned lies in a file of plain numbers, and labelling takes no learner.

    data/reference/classifier.npz   learned from the bundled labels; `python -m survey.labels.kept` writes it
    DATA/classifier.npz             learned from one's own labels too, or by another version

A file holds for one key: labels, numbers of the labelled papers, cues and the code that learns. Where the key differs,
or the arrays are no classifier, it is learned again. NumPy reads the file without unpickling anything.
"""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from posttrain.errors import UnwritableError
from posttrain.files import whole
from posttrain.reference import reference_path
from survey.labels import classifier as learner
from survey.labels import forest, method
from survey.labels.classifier import Classifier, Example, bundled_features, examples_of
from survey.labels.cues import CUES
from survey.labels.readings import bundled_labels, labels_path

KEPT = "classifier.npz"


def classifier_for(data: Path, examples: Callable[[], Mapping[str, Example]]) -> Classifier:
    """Return the classifier of the labels in a data folder: one that is kept, else a new one, which is then kept there.

    `examples` is asked for only where it has to learn. Raises ValueError where examples are too few.
    """
    bundled = reference_path("labels.csv").with_name(KEPT)
    for path, learned_with in ((bundled, None), (data / KEPT, version("scikit-learn"))):
        if (kept := read_kept(path, data, learned_with)) is not None:
            return kept
    fitted = Classifier.fitted(examples())
    if data.is_dir():
        with suppress(
            UnwritableError
        ):  # the folder is only for reading, or the disk is full: the next run learns again
            write_kept(fitted, data, data / KEPT)
    return fitted


def write_kept(fitted: Classifier, data: Path, path: Path) -> None:
    """Write the classifier that was learned from the labels in a data folder. Raises UnwritableError."""
    with whole(path) as unfinished, unfinished.open("wb") as file:
        arrays: dict[str, Any] = {"key": np.array(key_of(data, version("scikit-learn"))), **fitted.stored()}
        np.savez_compressed(file, **arrays)


def read_kept(path: Path, data: Path, learned_with: str | None = None) -> Classifier | None:
    """Return the kept classifier of the labels in a data folder; None where there is none, or the file is damaged.

    It has to be learned with a version of scikit-learn, or with any: the bundled one has the accuracy of the documents.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key_of(data, learned_with or str(stored["key"]).partition(" ")[0]):
                return None
            return Classifier.restored({name: stored[name] for name in stored.files})
    except (ValueError, KeyError, OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile):
        return None


def key_of(data: Path, learned_with: str) -> str:
    """Return the version of scikit-learn, and a hash of all that decides what is learned from a data folder."""
    digest = hashlib.sha256(learned_with.encode())
    code = (Path(learner.__file__), Path(forest.__file__), Path(method.__file__), reference_path(CUES))
    for source in (*code, *_learned_from(data)):
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return f"{learned_with} {digest.hexdigest()}"


def features_path(data: Path) -> Path:
    """Return the file with the numbers of the papers that the user has labelled."""
    return data / "training.parquet"


def _learned_from(data: Path) -> list[Path]:
    """The bundled labels and numbers, and the user's own where there are both."""
    bundled = [reference_path("labels.csv"), reference_path("training.parquet")]
    own = [labels_path(data), features_path(data)]
    if not features_path(data).exists() or own[1].resolve() == bundled[1].resolve():
        return bundled
    return bundled + [path for path in own if path.exists()]


if __name__ == "__main__":
    bundled_folder = reference_path("labels.csv").parent
    learned = Classifier.fitted(examples_of(bundled_labels(), bundled_features()))
    write_kept(learned, bundled_folder, bundled_folder / KEPT)
