"""`scripts/messages.py` as a module, and small checkouts for it to read."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    """The script, loaded once."""
    name = "scudo_scripts_messages"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, ROOT / "scripts" / "messages.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def checkout(folder: Path, source: str, template: str = "", italian: str = "") -> Path:
    """A checkout with one module, one template and an Italian catalogue."""
    package = folder / "src" / "scudo_agent"
    (package / "locale").mkdir(parents=True)
    (package / "desk" / "templates").mkdir(parents=True)
    (package / "words.py").write_text(source, encoding="utf-8")
    (package / "desk" / "templates" / "page.html").write_text(template, "utf-8")
    (package / "locale" / "it.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: it\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n' + italian,
        encoding="utf-8",
    )
    return folder
