"""Paper as PDF: a typst template and its data, with an embedded free font. The library is loaded with the first one."""

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def typeset(template: Path, data: dict[str, Any], *, tagged: bool = True) -> bytes:
    """The template with the data, which it reads as JSON: what people typed is never taken for markup.

    `tagged` describes each cell for screen readers, and doubles the size of a long table.
    """
    pdf: bytes = import_module("typst").compile(
        template.read_bytes(),
        font_paths=[_fonts()],
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_tags=tagged,
    )
    return pdf


@cache
def _fonts() -> str:
    package = import_module("pylopdf_fonts_zh_cn")
    return str(Path(str(package.__file__)).parent)
