"""An application that signs: our credential, real msal, and an authority that checks every signature."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr

from entra_certificates import PASSPHRASE, Pair
from periferia_link.errors import AuthenticationError, ConfigurationError
from periferia_link.settings import Settings
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.transport._auth import ClientCertificate, ClientSecret, entra_application
from periferia_link.transport._certificates import Certificate

AUTHORITY = "https://login.test"
SCOPE = "https://crm.test/.default"


class Listening(InProcessWire):
    """Keeps the forms that were posted."""

    def __init__(self, *args):
        super().__init__(*args)
        self.forms = []

    def send(self, request, *, deadline):
        if request.method == "POST":
            self.forms.append(dict(parse_qsl(request.body.decode())))
        return super().send(request, deadline=deadline)

    @property
    def headers(self):
        """The heads of the assertions."""
        heads = [form["client_assertion"].partition(".")[0] for form in self.forms]
        return [json.loads(base64.urlsafe_b64decode(head + "==")) for head in heads]


@pytest.fixture(scope="module")
def pair():
    return Pair()


@pytest.fixture(scope="module")
def stranger():
    return Pair()


@pytest.fixture
def clock():
    return ManualClock(datetime.now(timezone.utc))  # msal stamps assertions with the real time


@pytest.fixture
def entra(pair):
    entra = EntraEmulator()
    entra.enrol(pair.certificate)
    return entra


@pytest.fixture
def wire(entra, clock):
    return Listening({AUTHORITY: entra}, clock)


@pytest.fixture
def sign_in(entra, wire, clock):
    def made(certificate, **changes):
        known = entra.credentials()
        return ClientCertificate(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            certificate=certificate,
            authority=AUTHORITY,
            clock=clock,
            wire=wire,
            **changes,
        )

    return made


class TestForms:
    """Every way in which people keep a certificate leads to a token."""

    def test_one_file_with_both(self, pair, sign_in, entra, clock, tmp_path):
        """Certificate and private key in one PEM file."""
        (tmp_path / "app.pem").write_text(pair.private_key + pair.certificate)

        token = sign_in(tmp_path / "app.pem").get_token(SCOPE)

        assert entra.validate(token.token, "https://crm.test", clock)

    def test_the_key_apart(self, pair, sign_in, tmp_path):
        """The certificate in a file, the key as a secret."""
        (tmp_path / "app.crt").write_text(pair.certificate)

        assert sign_in(str(tmp_path / "app.crt"), private_key=SecretStr(pair.private_key)).get_token(SCOPE).token

    def test_text_instead_of_a_file(self, pair, sign_in):
        """Containers hand certificates over in variables."""
        assert sign_in(pair.certificate + pair.private_key).get_token(SCOPE).token

    def test_an_encrypted_key(self, pair, sign_in):
        """With its passphrase."""
        given = sign_in(pair.certificate + pair.encrypted_key, passphrase=SecretStr(PASSPHRASE))

        assert given.get_token(SCOPE).token

    def test_a_pfx_file(self, pair, sign_in, tmp_path):
        """PKCS #12, as Windows and Key Vault export it."""
        (tmp_path / "app.pfx").write_bytes(pair.pfx)

        assert sign_in(tmp_path / "app.pfx", passphrase=SecretStr(PASSPHRASE)).get_token(SCOPE).token

    def test_the_assertion_names_the_certificate(self, pair, sign_in, wire):
        """SHA-256 thumbprint and PS256; neither key nor secret in the form."""
        sign_in(pair.certificate + pair.private_key).get_token(SCOPE)

        (header,) = wire.headers
        assert ("PS256", True) == (header["alg"], "x5t#S256" in header)
        assert {"client_secret", "private_key"}.isdisjoint(wire.forms[0])
        assert "PRIVATE KEY" not in str(wire.forms)


class TestRenewal:
    """Tokens end, certificates too."""

    def test_each_request_has_its_own_assertion(self, pair, sign_in, entra, wire, clock):
        """An authority that takes an assertion once only gives the second token as well."""
        entra.books["settings"]["assertion"]["is_single_use"] = True
        entra.expires_in = 60
        credential = sign_in(pair.certificate + pair.private_key)
        first = credential.get_token(SCOPE)
        clock.advance(120)
        second = credential.get_token(SCOPE)

        assert first.token != second.token
        assert 2 == len({form["client_assertion"] for form in wire.forms})

    def test_a_token_is_kept(self, pair, sign_in, entra):
        """One request serves many questions."""
        credential = sign_in(pair.certificate + pair.private_key)

        assert credential.get_token(SCOPE).token == credential.get_token(SCOPE).token
        assert 1 == entra.token_requests

    def test_a_renewed_file_is_taken(self, pair, sign_in, entra, clock, tmp_path):
        """Without a restart: the old certificate goes, the new one is there at the next token."""
        file = tmp_path / "app.pem"
        file.write_text(pair.certificate + pair.private_key)
        entra.expires_in = 60
        credential = sign_in(file)
        credential.get_token(SCOPE)
        fresh = Pair()
        entra.books["applications"][entra.client_id]["certificates"] = []
        entra.enrol(fresh.certificate)
        file.write_text(fresh.certificate + fresh.private_key)
        clock.advance(120)

        assert entra.validate(credential.get_token(SCOPE).token, "https://crm.test", clock)


class TestRefusals:
    """What is wrong is said, early and without the key."""

    def test_an_unknown_certificate(self, stranger, sign_in):
        """AADSTS700027: registered is another one."""
        with pytest.raises(AuthenticationError, match=r"AADSTS700027.*register this certificate") as refused:
            sign_in(stranger.certificate + stranger.private_key).get_token(SCOPE)

        assert "AADSTS700027" == refused.value.code

    def test_the_key_of_another_certificate(self, pair, stranger, sign_in):
        """AADSTS700027: the signature does not fit the registered key."""
        with pytest.raises(AuthenticationError, match="AADSTS700027"):
            sign_in(pair.certificate + stranger.private_key).get_token(SCOPE)

    def test_an_expired_certificate(self, sign_in, entra):
        """Entra refuses the signature of yesterday's certificate."""
        old = Pair(ends=datetime(2026, 1, 1, tzinfo=timezone.utc))
        entra.enrol(old.certificate)

        with pytest.raises(AuthenticationError, match="AADSTS700027"):
            sign_in(old.certificate + old.private_key).get_token(SCOPE)

    def test_a_clock_that_is_wrong(self, pair, sign_in, clock):
        """AADSTS700024: an assertion of the past."""
        credential = sign_in(pair.certificate + pair.private_key)
        clock.advance(86_400)

        with pytest.raises(AuthenticationError, match=r"AADSTS700024.*set the clock"):
            credential.get_token(SCOPE)

    def test_a_wrong_passphrase(self, pair, sign_in, entra):
        """Found when the key is first used; neither passphrase nor key is told."""
        credential = sign_in(pair.certificate + pair.encrypted_key, passphrase=SecretStr("another-phrase"))

        with pytest.raises(AuthenticationError, match="passphrase is another one") as refused:
            credential.get_token(SCOPE)

        assert "another-phrase" not in repr(refused.value)
        assert 0 == entra.token_requests

    def test_a_key_of_another_kind(self, sign_in, entra):
        """A key on a curve cannot make RSA signatures."""
        curve = Pair.of_a_curve()
        entra.enrol(curve.certificate)

        with pytest.raises(AuthenticationError, match="RSA"):
            sign_in(curve.certificate + curve.private_key).get_token(SCOPE)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "cannot be read"),
            ("{certificate}", "without its private key"),
            ("{private_key}", "no certificate"),
            ("{certificate}{encrypted_key}", "no passphrase"),
            ("-----BEGIN NONSENSE-----\nx\n-----END NONSENSE-----\n", "no certificate"),
        ],
    )
    def test_what_is_missing_is_said_at_once(self, pair, sign_in, tmp_path, text, message):
        """At construction, with the next step, before anything is sent."""
        filled = text.format(
            certificate=pair.certificate, private_key=pair.private_key, encrypted_key=pair.encrypted_key
        )
        (tmp_path / "app.pem").write_text(filled)

        with pytest.raises(ConfigurationError, match=message) as refused:
            sign_in(tmp_path / "app.pem")

        assert refused.value.hint

    def test_a_file_that_is_not_there(self, sign_in, tmp_path):
        """Named without its folder."""
        with pytest.raises(ConfigurationError, match="cannot be read") as refused:
            sign_in(tmp_path / "nowhere.pem")

        assert refused.value.hint == "is this the right path: nowhere.pem?"

    def test_a_private_key_that_is_none(self, pair, sign_in):
        """A certificate given as the key."""
        with pytest.raises(ConfigurationError, match="without its private key"):
            sign_in(pair.certificate, private_key=SecretStr(pair.certificate))

    def test_nothing_shows(self, pair, sign_in):
        """Neither the credential nor what it holds prints the key."""
        credential = sign_in(pair.certificate + pair.private_key)

        assert "ClientCertificate(…)" == repr(credential)
        assert "Certificate(…)" == repr(Certificate(pair.certificate + pair.private_key))


class TestSettings:
    """From periferia.toml."""

    def load(self, tmp_path, credential, **environ):
        text = '[systems.crm]\nconnector = "dynamics365"\nurl = "https://crm.test"\n[systems.crm.credential]\n'
        (tmp_path / "periferia.toml").write_text(text + credential)
        return Settings.load(tmp_path / "periferia.toml", environ=environ).systems["crm"]

    def test_a_file_beside_the_configuration(self, pair, tmp_path, entra, wire, clock):
        """A relative path, the key and its passphrase as references: the application signs in."""
        (tmp_path / "app.crt").write_text(pair.certificate)
        (tmp_path / "app.key").write_text(pair.encrypted_key)
        known = entra.credentials()
        system = self.load(
            tmp_path,
            f'kind = "client-certificate"\ntenant_id = "{known["tenant_id"]}"\nclient_id = "{known["client_id"]}"\n'
            'certificate = "app.crt"\nprivate_key = "${FILE:app.key}"\npassphrase = "${ENV:PHRASE}"\n'
            f'authority = "{AUTHORITY}"\n',
            PHRASE=PASSPHRASE,
        )

        application = entra_application(system, clock=clock, wire=wire)

        assert isinstance(application, ClientCertificate)
        assert application.get_token(SCOPE).token
        assert PASSPHRASE not in repr(system)
        assert "PRIVATE" not in repr(system)

    def test_pem_text_in_a_variable(self, pair, tmp_path):
        """The certificate itself may be a reference; it is not printed."""
        system = self.load(
            tmp_path,
            'kind = "client-certificate"\ntenant_id = "t"\nclient_id = "c"\ncertificate = "${ENV:PEM}"\n',
            PEM=pair.certificate + pair.private_key,
        )

        assert isinstance(entra_application(system), ClientCertificate)
        assert "PRIVATE" not in repr(system)

    def test_a_file_that_is_not_there(self, tmp_path):
        """Said with file, table and key."""
        text = 'kind = "client-certificate"\ntenant_id = "t"\nclient_id = "c"\ncertificate = "no.pem"\n'
        with pytest.raises(ConfigurationError, match=r"\[systems.crm.credential\] certificate: there is no file"):
            self.load(tmp_path, text)

    def test_a_certificate_that_is_missing(self, tmp_path):
        """A key that is left out is named."""
        with pytest.raises(ConfigurationError, match="certificate: is missing"):
            self.load(tmp_path, 'kind = "client-certificate"\ntenant_id = "t"\nclient_id = "c"\n')

    def test_the_variables_of_azure_tools(self, pair, tmp_path):
        """A certificate path in the environment, and no secret: the application signs."""
        (tmp_path / "app.pfx").write_bytes(pair.pfx)
        system = self.load(
            tmp_path,
            'kind = "environment"\n',
            AZURE_TENANT_ID="t",
            AZURE_CLIENT_ID="c",
            AZURE_CLIENT_CERTIFICATE_PATH=str(tmp_path / "app.pfx"),
            AZURE_CLIENT_CERTIFICATE_PASSWORD=PASSPHRASE,
        )

        assert isinstance(entra_application(system), ClientCertificate)

    def test_a_secret_and_something_else(self, tmp_path):
        """A secret makes the other application, a token none."""
        secret = 'kind = "client-secret"\ntenant_id = "t"\nclient_id = "c"\nclient_secret = "${ENV:S}"\n'
        token = 'kind = "static-token"\ntoken = "${ENV:S}"\n'

        assert isinstance(entra_application(self.load(tmp_path, secret, S="s")), ClientSecret)
        assert entra_application(self.load(tmp_path, token, S="s")) is None
