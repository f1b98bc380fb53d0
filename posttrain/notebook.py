"""A chart that a notebook draws, from a Vega-Lite specification."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.charts import png, svg
from posttrain.errors import ConfigurationError
from posttrain.files import write_whole


@dataclass(frozen=True)
class Chart:
    """A chart: shown in a notebook, saved as a file, or taken on as a specification.

    It is no altair chart, so that `pt.chart` returns the same thing wherever posttrain is installed, and a notebook
    without Vega-Lite's JavaScript shows it too, as SVG. `altair.Chart.from_dict(chart.spec)` makes one.
    """

    spec: dict[str, Any]

    def save(self, path: str | Path) -> None:
        """Write the chart as .svg, .png or .json (the specification). Raises ConfigurationError for another ending."""
        import json

        if not isinstance(path, str | Path):
            raise ConfigurationError(f"path is {path!r}; expected the name of a file", 'chart.save("chart.svg")')
        path = Path(path)
        match path.suffix:
            case ".svg":
                write_whole(path, svg(self.spec))
            case ".png":
                write_whole(path, png(self.spec))
            case ".json":
                write_whole(path, json.dumps(self.spec, indent=2, ensure_ascii=False) + "\n")
            case other:
                raise ConfigurationError(f"'{path}' ends in '{other}'; expected .svg, .png or .json", "name it so")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the chart for a notebook: as Vega-Lite for front ends that draw it, and as SVG for all others."""
        return {
            "application/vnd.vegalite.v6+json": self.spec,
            "image/svg+xml": svg(self.spec),
            "text/plain": f"Chart({self.spec.get('title', {}).get('text', '')!r})",
        }
