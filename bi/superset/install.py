"""Brings the bundle beside this file into a running Superset, and the rule by which a role sees its brands.

    python install.py https://superset.example

Reads SUPERSET_USER and SUPERSET_PASSWORD (an administrator of Superset's), and CAUSERIE_READER_URL: the login of
`causerie grant reader` as SQLAlchemy writes it, postgresql+psycopg2://user:password@host:port/database. Needs requests,
which Superset's own environment has. Superset itself needs ENABLE_TEMPLATE_PROCESSING (superset_config.py).
Once more is harmless: every id stays, and an import replaces what the one before it brought.
"""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).parent
BUNDLE = HERE / "causerie"


class Superset:
    """An administrator's session. Each call raises requests.HTTPError with what Superset says."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address, self.session = address.rstrip("/"), requests.Session()
        said = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self.call("POST", "security/login", json=said)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.call("GET", "security/csrf_token/")["result"]
        self.session.headers["Referer"] = self.address

    def call(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        answer = self.session.request(method, f"{self.address}/api/v1/{path}", timeout=600, **said)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}", response=answer)
        found: dict[str, Any] = answer.json()
        return found

    def all(self, path: str) -> list[dict[str, Any]]:
        return list(self.call("GET", f"{path}?q=(page_size:1000)")["result"])


def zipped(reader_url: str) -> bytes:
    """The bundle as Superset takes it, with the address of the reader's login in place of the one in the file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(BUNDLE.rglob("*.yaml")):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            if file.parent.name == "databases":
                lines = [f"sqlalchemy_uri: {json.dumps(reader_url)}\n" if line.startswith("sqlalchemy_uri:") else line
                         for line in lines]  # fmt: skip
            archive.writestr(f"causerie/{file.relative_to(BUNDLE).as_posix()}", "".join(lines))
    return packed.getvalue()


def install(superset: Superset, reader_url: str) -> None:
    """Import the bundle, then make the row rule, or make it anew."""
    superset.call(
        "POST", "assets/import/", files={"bundle": ("causerie.zip", zipped(reader_url), "application/zip")}
    )  # fmt: skip
    rule = json.loads((HERE / "row_rule.json").read_text(encoding="utf-8"))
    names = {file.stem for file in (BUNDLE / "datasets").rglob("*.yaml")}
    rule["tables"] = [
        one["id"] for one in superset.all("dataset/")
        if one["table_name"] in names and one["database"]["database_name"] == "Causerie"
    ]  # fmt: skip
    roles = superset.call("GET", "rowlevelsecurity/related/roles?q=(page_size:1000)")["result"]
    rule["roles"] = [one["value"] for one in roles if one["text"] in rule["roles"]]
    standing = [one["id"] for one in superset.all("rowlevelsecurity/") if one["name"] == rule["name"]]
    if standing:
        superset.call("PUT", f"rowlevelsecurity/{standing[0]}", json=rule)
    else:
        superset.call("POST", "rowlevelsecurity/", json=rule)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    missing = [n for n in ("SUPERSET_USER", "SUPERSET_PASSWORD", "CAUSERIE_READER_URL") if not os.environ.get(n)]
    if missing:
        sys.exit(f"set {', '.join(missing)}")
    install(
        Superset(sys.argv[1], os.environ["SUPERSET_USER"], os.environ["SUPERSET_PASSWORD"]),
        os.environ["CAUSERIE_READER_URL"],
    )
    print("The dashboards are in: /superset/dashboard/causerie-overview-en/, and the others under Dashboards.")


if __name__ == "__main__":
    main()
