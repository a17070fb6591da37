"""The user's language, for what is asked, shown in a window or sent as a notification.

Everything else is English: people search for errors, and programs read the rest.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = os.path.join(os.path.dirname(__file__), "translations")
# Traditional Chinese, zh_tw for one, has no catalogue.
_SIMPLIFIED_CHINESE = ("zh", "zh_cn", "zh_sg", "zh_hans", "zh_hans_cn", "zh_hans_sg")


def translate(message: str, /, **values: str) -> str:
    """Return a message in the user's language, or in English if there is no translation.

    Args:
        message: the English message, with placeholders such as ``{profile}``. It is a literal, so
            that a test can compare the catalogues with the source.
        **values: the values of the placeholders.
    """
    name = catalogue_of(os.environ)
    if name is not None:
        message = _translated(message, name)
    return message.format(**values)


def translate_duration(duration: str) -> str:
    """Return a duration such as ``11h59m`` with the units of the user's language."""
    units = dict(zip("dhms", translate("d,h,m,s").split(","), strict=True))
    return "".join(units.get(letter, letter) for letter in duration).strip()


def catalogue_of(environ: Mapping[str, str]) -> str | None:
    """Return the name of the catalogue for the user's language; None for English.

    The variables mean what they mean to GNU gettext ("GNU gettext utilities", Locale Environment
    Variables), but an ``en`` in LANGUAGE ends the search, although English has no catalogue.
    """
    locale = _first(environ, "LC_ALL", "LC_MESSAGES", "LANG")
    if _language(locale) in ("", "c", "posix") or not _is_utf_8(environ):
        return None
    for wanted in (environ.get("LANGUAGE") or locale).split(":"):
        language = _language(wanted)
        if language in _SIMPLIFIED_CHINESE:
            return "zh_CN"
        if language.partition("_")[0] in ("en", "c", "posix"):
            return None
    return None


def _translated(message: str, catalogue: str) -> str:
    from gettext import GNUTranslations

    try:
        with open(os.path.join(_FOLDER, f"{catalogue}.mo"), "rb") as file:
            return GNUTranslations(file).gettext(message)
    except OSError:  # a program that was packed without it
        return message


def _is_utf_8(environ: Mapping[str, str]) -> bool:
    """Whether the terminal shows UTF-8, as far as the locale's name says."""
    locale = _first(environ, "LC_ALL", "LC_CTYPE", "LANG")
    charset = locale.partition(".")[2].partition("@")[0]
    return charset.lower().replace("-", "") in ("", "utf8")


def _language(locale: str) -> str:
    return locale.partition(".")[0].partition("@")[0].replace("-", "_").lower()


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((value for name in names if (value := environ.get(name))), "")
