"""Where this installation keeps its state and reads its extracts: its environment variables, read in one place.

Not here: connecting to anything, or what the sources file means (sources/).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from pathlib import Path
from urllib.parse import urlsplit

SOURCES = "sources.yml"
TARGETS = "targets.yml"


def _project() -> Path:
    """Where the dbt project lies, and the files that go with it: in the checkout that this is, or in the package."""
    checkout = Path(__file__).resolve().parents[1]
    packaged = Path(__file__).resolve().parent / "project"
    return packaged if packaged.is_dir() else checkout


PROJECT = _project()
IS_PACKAGED = PROJECT.name == "project"
# Where `causerie docs --serve` shows the documentation.
DOCS_URL = "http://127.0.0.1:8080"
# How long Dagster's history is kept: half a year has each month's end twice.
KEEP_DAYS = 180
# When the night's run begins (UTC), by when the extracts of the day before are expected.
NIGHTLY = time(2, 30)

# No part of the platform may call home: a closed network would stall a run on it.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


MIB = 2**20


# How a URL spells what would end a password.
IN_A_PASSWORD = "% as %25, @ as %40, / as %2F, : as %3A, # as %23, ? as %3F"


class SettingsError(ValueError):
    """A setting that can't be read; the message names it and what is wanted, and never shows its value."""


@dataclass(frozen=True)
class Limits:
    """How many bytes of an extract are read, compression undone, before it is refused: of one line (or row of several
    lines, or object), of one value, of one row group of Parquet, of the whole extract (a row counts for at least 128).
    What a file holds is known only when it is unfolded; 6 MB may be 6 GB."""

    line: int = 16 * MIB
    cell: int = 8 * MIB
    row_group: int = 512 * MIB
    extract: int = 16 * 1024 * MIB

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Limits:
        """Read CAUSERIE_LIMIT_LINE, _CELL, _ROW_GROUP and _EXTRACT; ValueError where one is no number of bytes."""
        given = os.environ if environment is None else environment
        told: dict[str, int] = {}
        for limit in fields(cls):
            name = f"CAUSERIE_LIMIT_{limit.name.upper()}"
            if text := given.get(name):
                if not (text.isascii() and text.isdecimal() and int(text)):
                    raise ValueError(f"{name}: wanted a number of bytes, such as {limit.default}, found {text!r}")
                told[limit.name] = int(text)
        return cls(**told)


@dataclass(frozen=True)
class OpenId:
    """The OpenID Connect provider by which people sign in to the screens. `public_url` is where their browsers reach
    these; `brands_claim` names the claim with the ids of the brands that somebody may see."""

    issuer: str
    client_id: str
    public_url: str
    client_secret: str | None = field(default=None, repr=False)
    brands_claim: str = "causerie_brands"
    scope: str = "openid profile email"

    @classmethod
    def from_environment(cls, given: Mapping[str, str]) -> OpenId | None:
        """Read CAUSERIE_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET, _BRANDS_CLAIM and _SCOPE, and CAUSERIE_PUBLIC_URL;
        None without an issuer. Raises SettingsError where something is missing, or goes over the net unencrypted."""
        if not given.get("CAUSERIE_OIDC_ISSUER"):
            return None
        names = {"CAUSERIE_OIDC_ISSUER": "issuer", "CAUSERIE_OIDC_CLIENT_ID": "client_id",
                 "CAUSERIE_PUBLIC_URL": "public_url"}  # fmt: skip
        if missing := [name for name in names if not given.get(name)]:
            raise SettingsError(f"to sign people in, {', '.join(missing)} must be set beside CAUSERIE_OIDC_ISSUER")
        for name in ("CAUSERIE_OIDC_ISSUER", "CAUSERIE_PUBLIC_URL"):
            url = urlsplit(given[name])
            is_here = url.hostname in ("localhost", "127.0.0.1", "::1")
            if not url.hostname or url.scheme not in ("https", "http") or (url.scheme == "http" and not is_here):
                raise SettingsError(f"{name}: wanted an address that begins with https:// (http:// on this machine)")
        optional = {"CAUSERIE_OIDC_CLIENT_SECRET": "client_secret", "CAUSERIE_OIDC_BRANDS_CLAIM": "brands_claim",
                    "CAUSERIE_OIDC_SCOPE": "scope"}  # fmt: skip
        return cls(**{field: given[name] for name, field in (names | optional).items() if given.get(name)})


@dataclass(frozen=True)
class Settings:
    """One installation. `home` holds state; `landing` is the root of the files connector, a folder or fsspec URL;
    `live_url` is the chat database that live indicators read, None where they read the newest loaded rows;
    `alert_webhook` is told of failed runs and checks; `dagster_home` is where Dagster keeps its own state; `reader_url`
    is the login by which screens read marts; `targets_file` holds targets of one's own; `open_id` is who signs people
    in to the screens, None where they are for this machine alone; `ping_url` is called after each publication;
    `docs_url` is where the documentation's site is; `is_automatic` says whether Dagster's schedule and sensor are on
    from the start; `keep_days` for how long Dagster's runs and logs are kept; `nightly` is when (UTC) the
    night's run begins; `metrics_token` is what a scraper of /metrics must send, None where none is asked for."""

    home: Path
    landing: str
    database_url: str | None
    sources_file: Path
    live_url: str | None = field(default=None, repr=False)
    project: Path = PROJECT
    own_dagster_home: Path | None = None
    # A secret: whoever has the address can write there.
    alert_webhook: str | None = field(default=None, repr=False)
    reader_url: str | None = field(default=None, repr=False)
    targets_file: Path = PROJECT / TARGETS
    open_id: OpenId | None = None
    # A secret too: whoever calls it keeps the watchman quiet.
    ping_url: str | None = field(default=None, repr=False)
    docs_url: str = DOCS_URL
    is_automatic: bool = False
    keep_days: int = KEEP_DAYS
    nightly: time = NIGHTLY
    metrics_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read CAUSERIE_HOME, _LANDING, _DATABASE_URL, _SOURCES, _LIVE_URL, _ALERT_WEBHOOK, _READER_URL, _TARGETS,
        _PING_URL, _DOCS_URL, _AUTOMATION, _KEEP_DAYS, _NIGHTLY and _METRICS_TOKEN, those of OpenId, and Dagster's own
        DAGSTER_HOME; an empty one counts as unset. Raises SettingsError for one that can't be read."""
        given = os.environ if environment is None else environment
        home = _absolute(given.get("CAUSERIE_HOME") or _default_home())
        landing = given.get("CAUSERIE_LANDING") or str(home / "landing")
        return cls(
            home=home,
            landing=landing if "://" in landing else str(_absolute(landing)),
            database_url=_database_url(given, "CAUSERIE_DATABASE_URL"),
            sources_file=_absolute(given.get("CAUSERIE_SOURCES") or _first_there(home / SOURCES, PROJECT / SOURCES)),
            live_url=_database_url(given, "CAUSERIE_LIVE_URL"),
            alert_webhook=given.get("CAUSERIE_ALERT_WEBHOOK") or None,
            own_dagster_home=_absolute(given["DAGSTER_HOME"]) if given.get("DAGSTER_HOME") else None,
            reader_url=_database_url(given, "CAUSERIE_READER_URL"),
            targets_file=_absolute(given.get("CAUSERIE_TARGETS") or _first_there(home / TARGETS, PROJECT / TARGETS)),
            ping_url=given.get("CAUSERIE_PING_URL") or None,
            docs_url=(given.get("CAUSERIE_DOCS_URL") or DOCS_URL).rstrip("/"),
            is_automatic=_is_automatic(given),
            keep_days=_keep_days(given),
            nightly=_nightly(given),
            metrics_token=given.get("CAUSERIE_METRICS_TOKEN") or None,
            open_id=OpenId.from_environment(given),
        )

    def make_home(self) -> None:
        """Make the folder of this installation's state, for its owner alone, and close what an earlier version or an
        open umask left open. Whom a folder that was made for the home lets pass may pass on, to list and write nothing
        there: the landing folder in it keeps its own mode, since the systems that export may have to write it."""
        if not self.home.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            self.home.chmod(0o700)
        _close(self.home, 0o711)
        for name in ("dagster", "logs", "dbt", "docs", "live", "logins"):
            _close(self.home / name, 0o700)

    @property
    def dagster_home(self) -> Path:
        return self.own_dagster_home or self.home / "dagster"

    @property
    def dbt_project(self) -> Path:
        return self.project / "dbt_project"

    @property
    def manifest(self) -> Path:
        """What `dbt parse` left in set-up; the definitions are built from it."""
        return self.dbt_project / "target" / "manifest.json"


def _nightly(given: Mapping[str, str]) -> time:
    told = given.get("CAUSERIE_NIGHTLY")
    if not told:
        return NIGHTLY
    try:
        found = datetime.strptime(told, "%H:%M")
    except ValueError:
        raise SettingsError(f"CAUSERIE_NIGHTLY: wanted a time of day in UTC, such as 02:30, found {told!r}") from None
    return found.time()


def _keep_days(given: Mapping[str, str]) -> int:
    told = given.get("CAUSERIE_KEEP_DAYS") or str(KEEP_DAYS)
    if not (told.isascii() and told.isdecimal() and int(told)):
        raise SettingsError(f"CAUSERIE_KEEP_DAYS: wanted a number of days, such as {KEEP_DAYS}, found {told!r}")
    return int(told)


def _is_automatic(given: Mapping[str, str]) -> bool:
    """On where the warehouse is a server of one's own: that is no trial any more."""
    told = given.get("CAUSERIE_AUTOMATION")
    if told and told not in ("on", "off"):
        raise SettingsError(f"CAUSERIE_AUTOMATION: wanted on or off, found {told!r}")
    return told == "on" if told else bool(given.get("CAUSERIE_DATABASE_URL"))


def _database_url(given: Mapping[str, str], name: str) -> str | None:
    """A libpq URL or connection string that means what it says. Of one that was not written as URLs are, libpq takes a
    piece of the password for the host, the port or the database, and shows it in its errors."""
    value = given.get(name)
    if not value:
        return None
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = {key: str(part or "") for key, part in conninfo_to_dict(value).items()}
    except ProgrammingError:
        found = {"host": "@"}
    if any("@" in found.get(key, "") for key in ("host", "port", "dbname")) or (
        not found.get("port", "").replace(",", "").isdecimal() and found.get("port")
    ):
        raise SettingsError(
            f"{name} can't be read as a PostgreSQL URL, postgresql://user:password@host:port/database: in a password,"
            f" write {IN_A_PASSWORD}"
        )
    return value


def _default_home() -> Path:
    """Of a checkout, a folder in it; else where this system keeps what belongs to a user: never among packages."""
    if not IS_PACKAGED:
        return PROJECT / ".causerie"
    if os.geteuid() == 0 and not os.environ.get("XDG_DATA_HOME"):
        # PostgreSQL does not run as root, and its own user can't pass through root's home.
        return Path("/var/lib/causerie")
    from platformdirs import user_data_path

    return user_data_path("causerie", appauthor=False)


def _first_there(own: Path, default: Path) -> Path:
    return own if own.exists() else default


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _close(folder: Path, most: int) -> None:
    """Take from others what is beyond these bits, of a folder that is ours to close."""
    if folder.is_dir() and folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o777 & ~most:
        folder.chmod(folder.stat().st_mode & most)
