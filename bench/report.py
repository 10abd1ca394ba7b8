"""The report: the last run's ratios as one static page."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #e4e7eb}
th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}td.bar{width:16rem;text-align:left}
.good{fill:#2a7f62}.fair{fill:#b98a1b}.bad{fill:#b3372f}.limit{stroke:#1b1f24;stroke-dasharray:2 2}small{color:#59636e}
@media (prefers-color-scheme:dark){body{color:#e6e8eb;background:#14171a}th,td{border-color:#2c3238}.limit{stroke:#e6e8eb}}
"""
_WIDTH, _DECADES = 240, 2.0


def _place(ratio: float) -> float:
    """A ratio on a logarithmic scale from a hundredth to a hundredfold."""
    return (min(max(math.log10(ratio), -_DECADES), _DECADES) + _DECADES) / (2 * _DECADES) * _WIDTH


def _bar(result: dict[str, Any]) -> str:
    ratio = result["ratio"]
    if not ratio or ratio <= 0:
        return ""
    better = ratio >= 1 if result["higher_is_better"] else ratio <= 1
    required = result["required"]
    met = required is None or (ratio >= required if result["higher_is_better"] else ratio <= required)
    kind = "good" if better else "fair" if met else "bad"
    one, here = _place(1), _place(ratio)
    mark = (
        f'<line class="limit" x1="{_place(required):.1f}" x2="{_place(required):.1f}" y1="0" y2="16"/>' if required else ""
    )
    return (
        f'<svg width="{_WIDTH}" height="16" role="img" aria-label="ratio {ratio:g}"><rect class="{kind}" x="{min(one, here):.1f}" '
        f'y="3" width="{max(1.0, abs(here - one)):.1f}" height="10"/>{mark}</svg>'
    )


def write(path: Path, facts: dict[str, Any], results: Sequence[dict[str, Any]], limits: dict[str, float]) -> None:
    """Write the page; it needs no network."""
    rows = []
    for r in results:
        cells = [html.escape(r["row"]), html.escape(r["what"]) + f" <small>{html.escape(r['unit'])}</small>"]
        for side in ("ours", "theirs"):
            summary = r[side]
            cells += [f"{summary[k]:.4g}" if k in summary else "" for k in ("median", "p95", "daemon_cpu_s", "client_cpu_s")]
        limit = "" if r["required"] is None else ("≥ " if r["higher_is_better"] else "≤ ") + f"{r['required']:g}"
        cells += ["" if r["ratio"] is None else f"{r['ratio']:.3g}", limit]
        rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + f'<td class="bar">{_bar(r)}</td></tr>')
    head = "<th>row<th>what<th>ours<th>p95<th>daemon CPU s<th>client CPU s<th>stock<th>p95<th>daemon CPU s<th>client CPU s"
    said = "".join(f"<li>{html.escape(k)}: {html.escape(str(v))}</li>" for k, v in facts.items())
    walls = "".join(f"<tr><td>{html.escape(k)}</td><td>{v:.4g}</td></tr>" for k, v in limits.items())
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Argosy and a stock containerd</title>'
        f"<style>{_STYLE}</style><h1>Argosy and a stock containerd, side by side</h1><ul>{said}</ul>"
        f"<p>The bar starts at 1 (equal) on a logarithmic scale; the dashed line is what is required.</p>"
        f"<table><tr>{head}<th>ratio<th>required<th></tr>{''.join(rows)}</table>"
        + (f"<h2>What the machine itself can do</h2><table>{walls}</table>" if walls else "")
        + "</html>"
    )
