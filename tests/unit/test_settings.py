"""periferia.toml: what it may say, and how it is told that something is wrong."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import traceback
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from periferia_link.errors import ConfigurationError, MissingDependencyError
from periferia_link.settings import (
    ApiKeySettings,
    ClientSecretSettings,
    LoginSettings,
    Secret,
    Settings,
    StaticTokenSettings,
    SystemSettings,
)

CANARY = "canary-7f3a9c"
WHOLE = """
[company]
zone = "America/Lima"
currency = "PEN"
language = "en"

[ledger]
path = "state/link.db"

[systems.crm]
connector = "dynamics365"
url = "https://contoso.crm2.dynamics.com"
deadline = 12.5
[systems.crm.credential]
kind = "client-secret"
tenant_id = "t"
client_id = "${ENV:CRM_ID}"
client_secret = "${ENV:CRM_SECRET}"
[systems.crm.fields.Client]
columns = { tax_id = "cr123_nit" }
extra = ["cr123_segment"]

[systems.erp-pe]
connector = "sap-business-one"
url = "https://10.0.0.5:50000/"
ca_file = "ca.pem"
proxy = "http://proxy:3128"
allow_private = true
plan_only = true
roles = ["erp"]
credential = { kind = "login", username = "link", password = "${FILE:erp.secret}", company_db = "PE" }
options = { version = "v2", pages = [20, 500], rate = 0.1, extra = { api_token = "${ENV:CRM_SECRET}" } }

[systems.helpdesk]
connector = "periticket"

[flows.labour_costs]
enabled = false
starts = 2026-01-01
on_conflict = "review"
on_delete = "adjust"
per = "month"
ceilings = { creates = 500, updates = 0, deletes = 1, percent = 12.5, money = 80000000.10 }
options = { debit = "5105", credit = "2610" }

[flows.clients]

[plugins]
connectors = ["acme-crm"]
"""


@pytest.fixture
def write(tmp_path):
    """Write a file beside its certificates and secrets."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----", encoding="utf-8")
    (tmp_path / "erp.secret").write_bytes(b"\xef\xbb\xbf" + CANARY.encode() + b"\r\n")

    def to(text: str | bytes) -> Path:
        path = tmp_path / "periferia.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to


@pytest.fixture
def load(write):
    """Load a text as the file."""

    def of(text, environ=None, **options):
        return Settings.load(write(text), environ=environ or {}, **options)

    return of


@pytest.fixture
def refusal(load):
    """Load a text that is wrong and return what is said."""

    def of(text, environ=None, **options):
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ, **options)
        assert caught.value.message.startswith("periferia.toml")
        assert caught.value.hint
        assert caught.value.__cause__ is None
        assert not isinstance(caught.value.__context__, (ValidationError, UnicodeDecodeError))
        return str(caught.value)

    return of


def crm(*lines, credential=()):
    head = ["[systems.crm]", 'connector = "dynamics365"', *lines]
    return "\n".join([*head, *(["[systems.crm.credential]", *credential] if credential else [])])


KEYS = ["zone", "connector", "url", "kind", "token", "options", "roles", "starts", "money", "connectors", "fields", "x"]


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value + '"'
    return str(value).lower()


class TestWholeFile:
    @pytest.fixture
    def whole(self, load):
        return load(WHOLE, {"CRM_ID": "app", "CRM_SECRET": CANARY})

    def test_company(self, whole):
        """Zone as an object, decimals of the currency."""
        company = whole.company
        assert (ZoneInfo("America/Lima"), "PEN", 2, "en") == (
            company.tzinfo,
            company.currency,
            company.decimals,
            company.language,
        )

    def test_paths_are_beside_the_file(self, whole, tmp_path):
        """Wherever the program was started."""
        assert tmp_path / "state/link.db" == whole.ledger.path
        assert str(tmp_path / "ca.pem") == whole.systems["erp-pe"].ca_file

    def test_system(self, whole):
        """Every key of its table."""
        erp = whole.systems["erp-pe"]
        assert ("erp-pe", "sap-business-one", "https://10.0.0.5:50000/", "http://proxy:3128", True, True, 30.0) == (
            erp.name,
            erp.connector,
            erp.url,
            erp.proxy,
            erp.allow_private,
            erp.plan_only,
            erp.deadline,
        )
        assert 12.5 == whole.systems["crm"].deadline

    def test_credentials(self, whole):
        """References are resolved from the environment and from files; an editor's BOM and line end fall away."""
        crm, erp = whole.systems["crm"].credential, whole.systems["erp-pe"].credential
        assert isinstance(crm, ClientSecretSettings)
        assert isinstance(erp, LoginSettings)
        assert ("t", "app", CANARY) == (crm.tenant_id, crm.client_id, crm.client_secret.get_secret_value())
        assert ("link", CANARY, "PE") == (erp.username, erp.password.get_secret_value(), erp.company_db)
        assert whole.systems["helpdesk"].credential is None

    def test_options_are_free(self, whole):
        """Numbers are exact; a reference is a secret."""
        options = whole.systems["erp-pe"].options
        assert ("v2", [20, 500], Decimal("0.1")) == (options["version"], options["pages"], options["rate"])
        assert isinstance(options["extra"]["api_token"], SecretStr)
        assert CANARY == options["extra"]["api_token"].get_secret_value()

    def test_options_that_only_speak_of_secrets(self, load):
        """An address of a token service is no secret."""
        assert {"token_url": "https://a.example"} == load(crm('options = { token_url = "https://a.example" }')).systems[
            "crm"
        ].options

    def test_fields_are_handed_on(self, whole):
        """The connector merges them into its map."""
        expected = {"Client": {"columns": {"tax_id": "cr123_nit"}, "extra": ["cr123_segment"]}}
        assert expected == whole.systems["crm"].fields

    def test_roles(self, whole):
        """A system without roles plays the one of its name."""
        assert {"crm": ("crm",), "erp": ("erp-pe",), "helpdesk": ("helpdesk",)} == whole.roles

    def test_several_systems_play_one_role(self, load):
        """Two companies of one ERP."""
        text = "".join(f'[systems.{name}]\nconnector = "x"\nroles = ["erp"]\n' for name in ("co", "pe"))
        assert {"erp": ("co", "pe")} == load(text).roles

    def test_flow(self, whole):
        """Money is exact also without quotes."""
        flow = whole.flows["labour_costs"]
        assert (False, date(2026, 1, 1), "review", "adjust", "month", {"debit": "5105", "credit": "2610"}) == (
            flow.enabled,
            flow.starts,
            flow.on_conflict,
            flow.on_delete,
            flow.per,
            flow.options,
        )
        expected = {"creates": 500, "updates": 0, "deletes": 1, "percent": 12.5, "money": Decimal("80000000.10")}
        assert expected == flow.ceilings.model_dump()

    def test_what_is_not_given_stays_as_the_flow_has_it(self, whole):
        """None means that nobody decided."""
        flow = whole.flows["clients"]
        assert (True, None, None, None, None, {}) == (
            flow.enabled,
            flow.starts,
            flow.on_conflict,
            flow.on_delete,
            flow.per,
            flow.options,
        )
        assert {None} == set(flow.ceilings.model_dump().values())

    def test_plugins(self, whole):
        """Names that may be loaded."""
        assert ("acme-crm",) == whole.plugins.connectors

    def test_it_cannot_be_changed(self, whole):
        """Settings are read once."""
        with pytest.raises(ValidationError):
            whole.systems["crm"].plan_only = False


class TestDefaults:
    def test_an_empty_file_is_a_colombian_company_without_systems(self, load, tmp_path):
        """Pesos have no decimals in the books."""
        empty = load("")
        assert ("America/Bogota", "COP", 0, "es") == tuple(empty.company.model_dump().values())
        assert (tmp_path / "periferia.db", {}, {}, ()) == (
            empty.ledger.path,
            empty.systems,
            empty.flows,
            empty.plugins.connectors,
        )

    @pytest.mark.parametrize(
        ("lines", "expected"), [('currency = "CLP"', 0), ('currency = "USD"', 2), ("decimals = 2", 2)]
    )
    def test_decimals(self, load, lines, expected):
        """Those of the currency, or the company's own."""
        assert expected == load(f"[company]\n{lines}").company.decimals

    def test_an_absolute_ledger_stays_where_it_is(self, load, tmp_path):
        """Only relative paths move."""
        elsewhere = tmp_path / "elsewhere" / "link.db"
        assert elsewhere == load(f"[ledger]\npath = '{elsewhere}'").ledger.path

    def test_the_file_of_the_working_folder(self, write, monkeypatch):
        """The usual name needs no argument; the environment is the real one, also as it changes."""
        monkeypatch.chdir(write(crm('url = "${ENV:LINK_TEST_URL}"')).parent)
        monkeypatch.setenv("LINK_TEST_URL", "https://a.example")
        assert "https://a.example" == Settings.load().systems["crm"].url

    def test_a_byte_order_mark_is_no_harm(self, load):
        """Some editors write one."""
        assert "USD" == load(b'\xef\xbb\xbf[company]\ncurrency = "USD"').company.currency


class TestReferences:
    def test_other_kinds_by_resolver(self, load):
        """A vault of the company is one function."""
        asked = []

        def vault(path):
            asked.append(path)
            return CANARY

        text = crm(credential=['kind = "static-token"', 'token = "${VAULT:kv/crm token}"'])
        credential = load(text, resolvers={"VAULT": vault}).systems["crm"].credential
        assert isinstance(credential, StaticTokenSettings)
        assert (CANARY, ["kv/crm token"]) == (credential.token.get_secret_value(), asked)

    def test_a_resolver_may_take_the_place_of_ours(self, load):
        """Tests of an installation need no environment."""
        text = crm(credential=['kind = "api-key"', 'key = "${ENV:X}"', 'header = "X-Key"'])
        credential = load(text, resolvers={"ENV": str.lower}).systems["crm"].credential
        assert isinstance(credential, ApiKeySettings)
        assert ("x", "X-Key") == (credential.key.get_secret_value(), credential.header)

    def test_plain_keys_may_be_references_too(self, load):
        """Addresses and switches differ between test and production."""
        lines = ('url = "${ENV:URL}"', 'plan_only = "${ENV:DRY}"', 'roles = ["${ENV:ROLE}"]', 'proxy = "${ENV:PROXY}"')
        environ = {"URL": "https://a.example", "DRY": "true", "ROLE": "crm", "PROXY": f"http://u:{CANARY}@p:1"}
        found = load(crm(*lines), environ).systems["crm"]
        assert ("https://a.example", True, ("crm",)) == (found.url, found.plan_only, found.roles)
        assert f"http://u:{CANARY}@p:1" == found.proxy
        assert CANARY not in repr(found)

    def test_the_variables_of_azure_tools(self, load):
        """An app registration as azure-identity reads it; the prefix may be another."""
        environ = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": CANARY}
        other = {f"CRM_{key.removeprefix('AZURE_')}": value for key, value in environ.items()}
        plain = load(crm(credential=['kind = "environment"']), environ).systems["crm"].credential
        text = crm(credential=['kind = "environment"', 'prefix = "CRM"'])
        prefixed = load(text, other | {"CRM_AUTHORITY_HOST": "https://login.example"}).systems["crm"].credential
        assert ("t", "c", CANARY, "https://login.microsoftonline.com") == (
            plain.tenant_id,
            plain.client_id,
            plain.client_secret.get_secret_value(),
            plain.authority,
        )
        assert (CANARY, "https://login.example") == (prefixed.client_secret.get_secret_value(), prefixed.authority)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (CANARY, "PERIFERIA_LINK_CRM_TOKEN"),
            (f"x${{ENV:{CANARY}}}", "does not stand in the file itself"),
            ("${env:X}", "does not stand in the file itself"),
            ("${ENV:}", "does not stand in the file itself"),
            ("", "does not stand in the file itself"),
            ("${ENV:GONE}", r"token: the environment variable GONE is not set → set GONE"),
            ("${ENV:EMPTY}", "EMPTY is not set"),
            ("${FILE:gone.secret}", r"the file gone.secret cannot be read \(FileNotFoundError\)"),
            ("${FILE:.}", "the file . cannot be read"),
            ("${FILE:a\\u0000b}", r"cannot be read \(ValueError\)"),
            ("${FILE:empty.secret}", "the file empty.secret is empty"),
            ("${FILE:large.secret}", "larger than 64 KiB or not UTF-8"),
            ("${FILE:binary.secret}", "larger than 64 KiB or not UTF-8"),
            ("${VAULT:x}", r"unknown kind of reference VAULT → known are BAD, ENV, FILE, KEYRING, NONE"),
            ("${BAD:x}", "the resolver BAD failed with RuntimeError"),
            ("${NONE:x}", "the resolver NONE found nothing"),
        ],
    )
    def test_references_that_lead_nowhere(self, refusal, tmp_path, value, message):
        """The place, what is missing and what to do; never the secret."""
        (tmp_path / "empty.secret").write_text("\n", encoding="utf-8")
        (tmp_path / "large.secret").write_text(CANARY * 10_000, encoding="utf-8")
        (tmp_path / "binary.secret").write_bytes(b"\xff" + CANARY.encode())

        def bad(path):
            raise RuntimeError(CANARY)

        text = crm(credential=['kind = "static-token"', f'token = "{value}"'])
        said = refusal(text, {"EMPTY": ""}, resolvers={"BAD": bad, "NONE": lambda _: None})
        assert said.startswith("periferia.toml [systems.crm.credential] token: ")
        assert re.search(message, said)
        assert CANARY not in said

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('proxy = "http://u:%s@p:1"', r"\[systems.crm\] proxy: a password stands in the address → proxy = "),
            ('url = "https://u:%s@a.example"', "url: a password stands in the address"),
            ('url = "https://${ENV:HOST}/%s"', "url: a reference stands alone"),
            ('options = { api_key = "%s" }', r"\[systems.crm.options\] api_key: a secret does not stand in the file"),
            ('options = { a = [{ Password = "%s" }] }', r"a\.Password: a secret does not stand in the file"),
            ('options = { dsn = "x://u:%s@h" }', "dsn: a password stands in the address"),
        ],
    )
    def test_secrets_outside_the_credential(self, refusal, line, message):
        """They are recognised by their name or their form."""
        said = refusal(crm(line % CANARY))
        assert re.search(message, said)
        assert CANARY not in said

    def test_the_reference_to_write_is_told(self, refusal):
        """Ready to copy."""
        said = refusal(crm(credential=['kind = "login"', 'username = "u"', f'password = "{CANARY}"']))
        assert 'password = "${ENV:PERIFERIA_LINK_CRM_PASSWORD}"; then set PERIFERIA_LINK_CRM_PASSWORD' in said


class TestKeyring:
    TEXT = crm(credential=['kind = "static-token"', 'token = "${KEYRING:https://crm.example/link}"'])

    @pytest.fixture
    def keyring(self, monkeypatch):
        """A package of that name with one entry."""
        package, errors = ModuleType("keyring"), ModuleType("keyring.errors")
        errors.KeyringError = type("KeyringError", (Exception,), {})
        package.errors = errors
        package.get_password = lambda service, user: (
            CANARY if (service, user) == ("https://crm.example", "link") else None
        )
        monkeypatch.setitem(sys.modules, "keyring", package)
        monkeypatch.setitem(sys.modules, "keyring.errors", errors)
        return package

    def test_service_and_user(self, keyring, load):
        """The last slash parts them: services are often addresses."""
        assert CANARY == load(self.TEXT).systems["crm"].credential.token.get_secret_value()

    def test_nothing_there(self, keyring, refusal):
        """The command that puts it there is told."""
        assert "keyring set https://crm.example other" in refusal(self.TEXT.replace("/link}", "/other}"))

    def test_locked(self, keyring, refusal):
        """What the keyring says is not repeated."""

        def locked(service, user):
            raise keyring.errors.KeyringError(CANARY)

        keyring.get_password = locked
        said = refusal(self.TEXT)
        assert "the keyring cannot be read (KeyringError)" in said
        assert CANARY not in said

    def test_no_user(self, keyring, refusal):
        """The form is told."""
        assert "${KEYRING:service/user}" in refusal(self.TEXT.replace("https://crm.example/link", "crm"))

    def test_not_installed(self, load, monkeypatch):
        """The command that installs it is told."""
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(MissingDependencyError, match=r'pip install "periferia-link\[keyring\]"'):
            load(self.TEXT)


class TestSecret:
    def test_it_shows_its_reference(self):
        """In every way to print it."""
        secret = Secret(CANARY, "${ENV:X}")
        assert ("Secret('${ENV:X}')", "${ENV:X}", "${ENV:X}", CANARY) == (
            repr(secret),
            str(secret),
            f"{secret}",
            secret.get_secret_value(),
        )

    def test_settings_never_show_one(self, load):
        """Printed, dumped, copied; in JSON there is nothing at all."""
        whole = load(WHOLE, {"CRM_ID": "app", "CRM_SECRET": CANARY})
        shown = [repr(whole), str(whole), str(whole.model_dump()), whole.model_dump_json(), repr(copy.deepcopy(whole))]
        assert not [text for text in shown if CANARY in text]
        assert "client_secret=Secret('${ENV:CRM_SECRET}')" in shown[0]

    def test_it_is_not_pickled(self, load):
        """Nothing that holds one can leave the process by accident."""
        whole = load(WHOLE, {"CRM_ID": "app", "CRM_SECRET": CANARY})
        with pytest.raises(TypeError, match="is a secret"):
            pickle.dumps(whole)

    def test_copies_are_the_same_secret(self):
        """A copy knows its reference too."""
        secret = Secret(CANARY, "${ENV:X}")
        assert secret is copy.copy(secret) is copy.deepcopy([secret])[0]

    @pytest.mark.parametrize("line", ["client_id = 5", "tenant_id = ''", 'authority = ["x"]', "nonsense = 1"])
    def test_errors_beside_it_do_not_show_it(self, write, line):
        """Neither the message nor anything chained to it holds what was read."""
        lines = {"kind": '"client-secret"', "tenant_id": '"t"', "client_id": '"c"', "client_secret": '"${ENV:S}"'}
        lines[line.partition(" ")[0]] = line.partition("= ")[2]
        path = write(crm(credential=[f"{key} = {value}" for key, value in lines.items()]))
        with pytest.raises(ConfigurationError) as caught:
            Settings.load(path, environ={"S": CANARY})
        assert CANARY not in "".join(traceback.format_exception(caught.type, caught.value, caught.tb))


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "[sytems.crm]",
                r"^periferia.toml sytems: unknown table → did you mean systems\? known are billing, company, delivery, detractors, ",
            ),
            ("systems = 5", r"^periferia.toml systems: is not a table → write it as \[systems\]"),
            ("[systems]\ncrm = 5", r"^periferia.toml \[systems\] crm: is not a table → write it as \[systems.crm\]"),
            ("[company]\nzon = 1", r"^periferia.toml \[company\] zon: unknown key → did you mean zone\?"),
            ('[company]\nzone = "Bogota"', r"\[company\] zone: is no IANA time zone .* → zone is the IANA zone"),
            ('[company]\nzone = "../etc"', r"\[company\] zone: is no IANA time zone"),
            ('[company]\ncurrency = "pesos"', r"\[company\] currency: string should match"),
            ('[company]\nlanguage = "fr"', r"\[company\] language: input should be 'es' or 'en'"),
            ("[company]\ndecimals = -1", r"\[company\] decimals: input should be greater"),
            ("[ledger]\npath = 5", r"\[ledger\] path: .* → path is a file"),
            ("[systems.crm]", r"\[systems.crm\] connector: is missing → connector is the name of a connector"),
            (crm("conector = 1"), r"\[systems.crm\] conector: unknown key → did you mean connector\?"),
            (crm('name = "x"'), r"\[systems.crm\] name: unknown key"),
            (crm("deadline = 0"), r"\[systems.crm\] deadline: input should be greater than 0 → deadline is how many"),
            (crm("deadline = nan"), r"\[systems.crm\] deadline: is not a number to count with"),
            (crm('allow_private = "perhaps"'), r"\[systems.crm\] allow_private: input should be a valid boolean"),
            (crm('roles = "erp"'), r"\[systems.crm\] roles: input should be a valid"),
            (crm('url = "contoso.com"'), r"\[systems.crm\] url: is no address of a server → url is the address"),
            (crm('url = "ftp://contoso.com"'), "url: is no address"),
            (crm('url = "https://me@contoso.com"'), "url: is no address"),
            (crm('url = "https://contoso.com/?a=b"'), "url: is no address"),
            (crm('url = "https://[contoso"'), "url: is no address"),
            (crm('url = "https://contoso.com:99999"'), "url: is no address"),
            (crm('ca_file = "gone.pem"'), r"\[systems.crm\] ca_file: there is no file gone.pem"),
            (crm("ca_file = 5"), r"\[systems.crm\] ca_file: input should be a valid string"),
            (crm("credential = 5"), r"\[systems.crm\] credential: is not a table"),
            (crm("fields = 5"), r"\[systems.crm\] fields: is not a table"),
            (crm("[systems.crm.fields]", "Client = 5"), r"\[systems.crm\] fields: input should be a valid"),
            ('[systems."c:rm"]\nconnector = "x"', r"\[systems.c:rm\]: the name of a system has letters"),
            (
                crm("[systems.crm.credential]"),
                r"\[systems.crm.credential\] kind: is missing → known are api-key, client",
            ),
            (
                crm(credential=['kind = "oauth"']),
                "kind: unknown kind of credential → known are api-key, client-certificate, client-secret",
            ),
            (crm(credential=["kind = [1]"]), "kind: unknown kind of credential"),
            (crm(credential=['kind = "login"', 'user = "x"']), r"user: unknown key → did you mean username\?"),
            (crm(credential=['kind = "login"', 'username = "x"']), r"password: is missing → password is a reference"),
            (
                crm(credential=['kind = "environment"']),
                "tenant_id: the environment variable AZURE_TENANT_ID is not set",
            ),
            (crm(credential=['kind = "environment"', 'prefix = "a b"']), "prefix: string should match"),
            ("[flows.x]\nstart = 2026-01-01", r"\[flows.x\] start: unknown key → did you mean starts\?"),
            ('[flows.x]\nstarts = "soon"', r"\[flows.x\] starts: .* → starts is the first day"),
            (
                '[flows.x]\non_delete = "purge"',
                r"\[flows.x\] on_delete: input should be 'ignore', 'delete' or 'adjust'",
            ),
            ("[flows.x.ceilings]\ncreate = 1", r"\[flows.x.ceilings\] create: unknown key → did you mean creates\?"),
            ("[flows.x.ceilings]\npercent = 101", r"\[flows.x.ceilings\] percent: input should be less"),
            ("[flows.x.ceilings]\nmoney = -1", r"\[flows.x.ceilings\] money: input should be greater"),
            ("[flows.x]\nceilings = 5", r"\[flows.x\] ceilings: is not a table"),
            ('[plugins]\nconnectors = "acme"', r"\[plugins\] connectors: input should be a valid"),
            ("[company\n", "^periferia.toml: is not TOML: .*line 1"),
            ("a = 1\na = 2", "^periferia.toml: is not TOML"),
            ("a = " + "[" * 5000, "^periferia.toml: is not TOML"),
            (b"[company]\nzone = '\xff'", "^periferia.toml: is not UTF-8 at byte 18"),
            ("#" * (1024 * 1024 + 1), "^periferia.toml: is larger than 1 MiB"),
        ],
    )
    def test_file_table_key_and_next_step(self, refusal, text, message):
        """Nobody has to guess which of forty lines is meant."""
        assert re.search(message, refusal(text))

    def test_no_file(self, tmp_path):
        """The path that was tried is told."""
        with pytest.raises(
            ConfigurationError, match=r"link.toml: cannot be read .*is this the right path: .*link.toml"
        ):
            Settings.load(tmp_path / "link.toml")

    def test_a_folder(self, tmp_path):
        """As little."""
        with pytest.raises(ConfigurationError, match="cannot be read"):
            Settings.load(tmp_path)

    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.recursive(
            st.one_of(st.booleans(), st.integers(), st.text(alphabet="abc${}:'", max_size=8)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
            ),
            max_leaves=12,
        ),
        st.sampled_from(["company", "systems.crm", "systems.crm.credential", "flows.x", "flows.x.ceilings", "plugins"]),
    )
    def test_whatever_is_written(self, write, value, table):
        """Settings or a ConfigurationError, nothing else."""
        lines = [f"{key} = {toml(inner)}" for key, inner in value.items()] if isinstance(value, dict) else []
        try:
            Settings.load(write("\n".join([f"[{table}]", *lines])), environ={})
        except ConfigurationError as refused:
            assert refused.hint  # noqa: PT017


class TestInPython:
    def test_systems_without_a_file(self):
        """Tests and notebooks build them by hand; what does not fit is refused without showing it."""
        system = SystemSettings(
            name="crm", connector="x", url=None, credential=StaticTokenSettings(token=SecretStr("t"))
        )
        assert ("crm", None, 30.0) == (system.name, system.url, system.deadline)
        with pytest.raises(ValidationError) as caught:
            StaticTokenSettings(token=[CANARY])
        assert CANARY not in str(caught.value)
