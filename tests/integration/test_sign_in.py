"""Signing in to the screens, with a provider on this machine: whoever has not sees nothing, whoever has sees the brands
that the provider names, and the database holds to that whatever a page asks.

Not here: what pages show (test_dashboard.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from provider import CLIENT, SECRET, Provider, serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from town import Town

from dashboard import pages, sign_in
from dashboard.app import create
from orchestration.marts import access, access_check, login
from orchestration.readers import brand_roles
from orchestration.settings import OpenId, Settings, SettingsError
from orchestration.warehouse import WarehouseError

pytestmark = pytest.mark.xdist_group("town")
HERE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def settings(town: Town, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.from_environment(
        {
            "CAUSERIE_HOME": str(tmp_path_factory.mktemp("signed-in")), "CAUSERIE_DATABASE_URL": town.night.url,
            "CAUSERIE_OIDC_ISSUER": provider.issuer, "CAUSERIE_OIDC_CLIENT_ID": CLIENT,
            "CAUSERIE_OIDC_CLIENT_SECRET": SECRET, "CAUSERIE_PUBLIC_URL": HERE,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def viewers(settings: Settings) -> str:
    return login.grant(settings, "viewers").url


@pytest.fixture(scope="module")
def screens(settings: Settings, viewers: str) -> Iterator[Starlette]:
    application = create(settings, viewers)
    yield application
    application.state.site.close()


@pytest.fixture
def client(screens: Starlette) -> TestClient:
    return TestClient(screens, base_url=HERE, headers={"origin": HERE}, follow_redirects=False)


def signing_in(client: TestClient, provider: Provider, address: str = "/overview", **claims: object) -> httpx.Response:
    """What the screens answer in the end, by way of the provider and back."""
    provider.claims = {"sub": "u1", "name": "Anne", **claims}
    began = client.get("/sign-in", params={"next": address})
    assert began.status_code == 302, began.text
    assert urlsplit(began.headers["location"]).netloc == urlsplit(provider.issuer).netloc
    came = httpx.get(began.headers["location"])
    back = urlsplit(came.headers["location"])
    return client.get(f"{back.path}?{back.query}")


def test_whoever_has_not_signed_in_sees_nothing(client: TestClient) -> None:
    for path in ("/", "/overview", "/rows/Chat-Card-0?brand=x", "/conversation/c1", "/quality?table=checks&as=csv"):
        answer = client.get(path)
        assert answer.status_code == 303, path
        there = urlsplit(answer.headers["location"])
        assert there.path == "/sign-in" and parse_qs(there.query)["next"][0].split("?")[0] == path.split("?")[0]
    assert client.get("/live?fragment=1").status_code == 401
    assert client.post("/views", content="name=a&address=/overview").status_code == 401
    assert client.get("/static/dashboard.css").status_code == 200


def test_a_viewer_sees_the_brands_that_the_provider_names(town: Town, client: TestClient, provider: Provider) -> None:
    own, others = town.brands[0].brand_id, town.brands[1].brand_id
    answer = signing_in(client, provider, f"/members?brand={own}", causerie_brands=[own])
    assert (answer.status_code, answer.headers["location"]) == (303, f"/members?brand={own}")
    held = pages.load()
    paths = ["overview", "members", "quality", "live", "number/Chat-Card-12", "rows/Chat-Card-0"]
    paths += [f"area/{area}" for area in held.areas]
    for path in paths:
        shown = client.get(f"/{path}?brand={own}&lang=en")
        assert shown.status_code == 200, (path, shown.text[-500:])
        assert f'value="{others}"' not in shown.text
    # A brand of others is as unknown as one that nobody has.
    for path in ("overview", "rows/Chat-Card-0", "live"):
        refused = client.get(f"/{path}?brand={others}&lang=en")
        nobody = client.get(f"/{path}?brand=nobody&lang=en")
        assert refused.status_code == nobody.status_code == 400
        assert refused.text.replace(others, "nobody") == nobody.text


def test_the_database_shows_one_brand_whatever_is_asked(town: Town, screens: Starlette) -> None:
    own = town.brands[2].brand_id
    scope = {"type": "http", "query_string": f"brand={own}".encode(), "headers": [], "path": "/", "method": "GET",
             "state": {"viewer": sign_in.Viewer("u1", "Anne", (own, town.brands[0].brand_id))}}  # fmt: skip
    with screens.state.site.visit(Request(scope)) as visit:
        seen = visit.connection.execute("select distinct brand_id from marts.kpi_period").fetchall()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), visit.connection.transaction():
            visit.connection.execute("create table marts.mine (n integer)")
    assert seen == [(own,)]


def test_all_brands_or_none(town: Town, client: TestClient, provider: Provider) -> None:
    signing_in(client, provider, causerie_brands="*")
    shown = client.get("/overview?lang=en").text
    assert all(f'value="{brand.brand_id}"' in shown for brand in town.brands)
    for said in ({}, {"causerie_brands": []}, {"causerie_brands": ["nobody"]}, {"causerie_brands": {"*": 1}}):
        signing_in(client, provider, **said)
        refused = client.get("/overview?lang=en")
        assert refused.status_code == 403 and "Anne, you are signed in, but no brand is open to you" in refused.text


def test_an_answer_that_is_not_the_providers_signs_nobody_in(client: TestClient, provider: Provider) -> None:
    from joserfc.jwk import RSAKey

    forged = client.get("/signed-in?code=x&state=y", headers={"accept-language": "fr"})
    assert forged.status_code == 403
    assert "La connexion a échoué (MismatchingStateError)" in forged.text and "Se reconnecter" in forged.text
    answers = []
    try:
        provider.nonce = "another"
        answers.append(signing_in(client, provider, causerie_brands="*"))
        provider.nonce, provider.key = None, RSAKey.generate_key(2048, {"kid": "one"})
        answers.append(signing_in(client, provider, causerie_brands="*"))
    finally:
        provider.nonce, provider.key = None, provider.known_key
    answers += [signing_in(client, provider, causerie_brands="*", **said)
                for said in ({"aud": "another"}, {"iss": "http://elsewhere"}, {"exp": 1}, {"sub": ""})]  # fmt: skip
    for number, answer in enumerate(answers):
        assert answer.status_code == 403, number
        assert client.get("/overview").status_code == 303, number


def test_a_session_ends(town: Town, client: TestClient, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    signing_in(client, provider, causerie_brands="*")
    assert client.get("/overview").status_code == 200
    cookie = client.cookies["causerie"]
    with monkeypatch.context() as later:
        later.setattr(sign_in.time, "time", lambda: 4_000_000_000)
        assert client.get("/overview").status_code == 303
    client.cookies.set("causerie", cookie[:-2] + ("aa" if not cookie.endswith("aa") else "bb"))
    assert client.get("/overview").status_code == 303
    client.cookies.clear()
    signing_in(client, provider, causerie_brands="*")
    assert client.post("/sign-out", headers={"origin": "http://elsewhere"}).status_code == 403
    assert 'action="/sign-out?lang=es"' in client.get("/overview?lang=es").text
    left = client.post("/sign-out?lang=es").headers["location"]
    assert left == "/signed-out?lang=es" and "Iniciar sesión de nuevo" in client.get(left).text
    assert client.get("/overview").status_code == 303


@pytest.mark.parametrize("address", ["//elsewhere", "/\\elsewhere", "http://elsewhere/", "/a\nb", ""])
def test_signing_in_leads_to_this_site_only(client: TestClient, provider: Provider, address: str) -> None:
    assert signing_in(client, provider, address, causerie_brands="*").headers["location"] == "/overview"


def test_views_are_their_owners(client: TestClient, provider: Provider, town: Town) -> None:
    signing_in(client, provider, causerie_brands="*", sub="one")
    client.post("/views", content="name=Mine alone&address=/overview")
    assert "Mine alone" in client.get("/overview").text
    signing_in(client, provider, causerie_brands="*", sub="two")
    assert "Mine alone" not in client.get("/overview").text


def test_the_login_of_the_screens_reads_nothing_by_itself(town: Town, viewers: str) -> None:
    with psycopg.connect(viewers) as session:
        for attempt in ("select 1 from marts.dim_brand", f"set role {access.READER}", "select 1 from raw.load"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                session.execute(attempt.encode())
        assert set(brand_roles.reachable(session)) == {brand.brand_id for brand in town.brands}
    with town.night.connect() as connection:
        assert access_check.offenders(connection) == []
        with connection.transaction(force_rollback=True):
            connection.execute(f"grant {access.READER} to {access.VIEWERS}".encode())
            found = access_check.offenders(connection)
    assert f"{access.VIEWERS} may become {access.READER}, which is no brand" in found
    assert f"{access.VIEWERS} reads marts.fct_order without becoming a brand" in found


def test_a_login_that_reads_by_itself_is_refused(town: Town, settings: Settings) -> None:
    reader = login.grant(settings, "reader").url
    environment = {"CAUSERIE_HOME": str(settings.home), "CAUSERIE_DATABASE_URL": town.night.url}
    for given in ({}, {"CAUSERIE_READER_URL": reader}):
        with pytest.raises(WarehouseError, match="causerie grant viewers"):
            login.viewers_url(Settings.from_environment(environment | given))
    viewers = login.grant(settings, "viewers").url
    assert login.viewers_url(Settings.from_environment({**environment, "CAUSERIE_READER_URL": viewers})) == viewers


def test_what_is_missing_to_sign_people_in_is_named() -> None:
    said = {
        "CAUSERIE_OIDC_ISSUER": "https://id.example",
        "CAUSERIE_OIDC_CLIENT_ID": "a",
        "CAUSERIE_PUBLIC_URL": "https://a.example",
    }
    assert OpenId.from_environment({}) is None
    assert OpenId.from_environment(said) == OpenId("https://id.example", "a", "https://a.example")
    for name, value, why in (
        ("CAUSERIE_OIDC_CLIENT_ID", "", "CAUSERIE_OIDC_CLIENT_ID must be set"),
        ("CAUSERIE_PUBLIC_URL", "http://a.example", "CAUSERIE_PUBLIC_URL: wanted an address that begins with https://"),
        ("CAUSERIE_OIDC_ISSUER", "id.example", "CAUSERIE_OIDC_ISSUER: wanted an address"),
    ):
        with pytest.raises(SettingsError, match=why):
            OpenId.from_environment(said | {name: value})


def test_the_key_of_sessions_is_their_owners_alone(settings: Settings, screens: Starlette) -> None:
    file: Path = settings.home / "logins" / "sessions.key"
    assert file.stat().st_mode & 0o077 == 0
