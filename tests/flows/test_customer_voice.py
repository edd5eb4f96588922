"""Customer Voice: surveys in the tables msfp_* of Dynamics 365, over the wire, from the answer to the closed loop."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from customer_voice_tables import LOGICAL_NAME, VoiceTables, voice_key
from dataverse_calls import Crm
from periferia_link import Installation
from periferia_link.connectors.dynamics365.kinds import DYNAMICS365_FIELDS
from periferia_link.connectors.forms import Forms, SurveySource, mapping_from
from periferia_link.connectors.forms.measured import measured_answers
from periferia_link.connectors.forms.sources import NamedSurveys
from periferia_link.domain import Client, Ref
from periferia_link.errors import ConfigurationError, PermissionDeniedError, RecordInvalidError
from periferia_link.installation import check_systems
from periferia_link.settings import Settings
from periferia_link.testing import MemoryConnector

ASKED = {"r1": "¿Qué tan probable es que nos recomiende?", "r2": "¿Por qué?", "r3": "¿Fue fácil?"}
MAPPING = {
    "form": "voz",
    "time_zone": "America/Bogota",
    "questions": [
        {"title": ASKED["r1"], "role": "nps"},
        {"title": ASKED["r2"], "role": "comment"},
        {"title": ASKED["r3"], "role": "ces", "optional": True},
        {"title": "NIT", "role": "client", "optional": True},
        {"title": "Caso", "role": "ticket", "optional": True},
    ],
}
UNO, DOS = "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002"


class Voice:
    """An environment with a survey of three questions, and our connector."""

    def __init__(self):
        self.crm = Crm(kinds=["Survey"])
        self.tables = VoiceTables(self.crm.emulator, ASKED)
        self.answer = self.tables.answer

    def surveys(self):
        return {survey.ref.id: survey for survey in self.crm.connector.each("Survey")}

    def forms(self, **changes):
        return Forms(SurveySource(self.crm.connector), mapping=mapping_from(MAPPING | changes, where="the test"))


@pytest.fixture
def voice():
    return Voice()


class TestTables:
    def test_answers_by_question(self, voice):
        """Each answer stands with the words of its question, in the order of the form."""
        voice.answer(1, {"r1": "3", "r2": "Nadie contesta", "r3": "2"}, msfp_npsscore=3)
        (survey,) = voice.surveys().values()
        told = [(answer.question, answer.text, answer.value) for answer in survey.answers]
        expected = [
            (ASKED["r1"], "3", Decimal(3)),
            (ASKED["r2"], "Nadie contesta", None),
            (ASKED["r3"], "2", Decimal(2)),
        ]
        assert expected == told
        assert (3, "S1") == (survey.nps, survey.questionnaire)

    def test_only_the_list(self, voice):
        """Where the answers have no rows of their own yet, the list is read; its numbers become words all the same."""
        voice.answer(1, {"r1": "9", "r2": "Todo bien"}, parts=())
        (survey,) = voice.surveys().values()
        assert [(ASKED["r1"], "9"), (ASKED["r2"], "Todo bien")] == [
            (each.question, each.text) for each in survey.answers
        ]

    def test_many_in_few_questions(self, voice):
        """A page of answers costs a few requests more, not some for each answer."""
        for at in range(1, 121):
            voice.answer(at, {"r1": str(at % 11), "r2": f"Respuesta {at}"})
        voice.crm.connector.check()
        before = len(voice.crm.sent("GET"))
        surveys = voice.surveys()
        assert 120 == len(surveys)
        assert all(f"Respuesta {int(name[-12:])}" == survey.answers[1].text for name, survey in surveys.items())
        assert len(voice.crm.sent("GET")) - before <= 5

    def test_the_invitation_says_who(self, voice):
        """An answer that says neither whose it is nor what it is about gets it from its invitation."""
        invitation = voice.tables.invite(1, "ana@uno.example", UNO)
        voice.answer(1, {"r1": "8"}, _msfp_surveyinviteid_value=invitation)
        about = {"_regardingobjectid_value": DOS, f"_regardingobjectid_value{LOGICAL_NAME}": "account"}
        own = {"msfp_respondentemailaddress": "luz@dos.example", **about}
        voice.answer(2, {"r1": "8"}, _msfp_surveyinviteid_value=invitation, **own)
        surveys = voice.surveys()
        first, second = surveys[voice_key(1)], surveys[voice_key(2)]
        assert ("ana@uno.example", Ref("crm", "Client", UNO)) == (first.email, first.client)
        assert ("luz@dos.example", Ref("crm", "Client", DOS)) == (second.email, second.client)

    def test_read_by_id_and_changed(self, voice):
        """Reading by id tells the same; a later answer comes with the changes."""
        voice.answer(1, {"r1": "8", "r2": "Bien"})
        pages = list(voice.crm.connector.pull("Survey"))
        (row,) = voice.crm.connector.get("Survey", [voice_key(1)])
        decode = voice.crm.connector.decode
        assert decode("Survey", row) == decode("Survey", pages[0].rows[0])
        voice.answer(2, {"r1": "2", "r2": "Mal"})
        (page,) = voice.crm.connector.pull("Survey", pages[-1].cursor)
        assert ["Mal"] == [decode("Survey", row).answers[1].text for row in page.rows]

    def test_what_is_missing_is_said(self, voice):
        """A role that may not read the tables beside the answers is told before the first run."""
        assert () == tuple(voice.crm.connector.check().missing)
        voice.crm.emulator.metadata.denied |= {"prvReadmsfp_questionresponse", "prvReadmsfp_question"}
        missing = tuple(voice.crm.connector.check().missing)
        assert ("prvReadmsfp_questionresponse", "prvReadmsfp_question") == missing
        voice.answer(1, {"r1": "8"})
        with pytest.raises(PermissionDeniedError, match="prvReadmsfp_questionresponse"):
            voice.surveys()

    def test_a_list_that_cannot_be_read(self, voice):
        """Parks its answer, and only that one."""
        voice.answer(1, {"r1": "8"}, parts=(), msfp_questionresponseslist="[1,")
        voice.answer(2, {"r1": "8"})
        rows = {row.key: row for page in voice.crm.connector.pull("Survey") for row in page.rows}
        with pytest.raises(RecordInvalidError, match="as JSON"):
            voice.crm.connector.decode("Survey", rows[voice_key(1)])
        assert voice.crm.connector.decode("Survey", rows[voice_key(2)]).answers

    def test_no_column_for_answers(self):
        """An installation that leaves answers out asks for none."""
        fields = DYNAMICS365_FIELDS.merged({"Survey": {"columns": {"answers": ""}}})
        crm = Crm(kinds=["Survey"], fields=fields)
        VoiceTables(crm.emulator, ASKED).answer(1, {"r1": "8"}, msfp_npsscore=8)
        (survey,) = crm.connector.each("Survey")
        assert (8, ()) == (survey.nps, survey.answers)
        assert not [each for each in crm.sent("GET") if "msfp_question" in each]


class TestMapping:
    def test_a_mapping_over_the_tables(self, voice):
        """Questions get their roles by their words; what came with the link of the survey may name client and case."""
        context = json.dumps({"NIT": "900.300.101-1", "Caso": 4711, "locale": "es"})
        voice.answer(1, {"r1": "3", "r2": "Nadie contesta", "r3": "2"}, msfp_embedcontextparameters=context)
        (survey,) = voice.forms().each("Survey")
        assert (3, 2, "Nadie contesta", "900.300.101-1") == (survey.nps, survey.ces, survey.comment, survey.client_key)
        assert ("voz", "4711") == (survey.questionnaire, survey.custom["ticket"])
        assert "2026-11-20T14:05:00+00:00" == survey.answered_at.isoformat()

    def test_as_numbers(self, voice):
        """Reports over a whole survey read the same answers."""
        voice.answer(1, {"r1": "3", "r2": "Mal", "r3": "2"})
        voice.answer(2, {"r1": "10"})
        mapping = mapping_from(MAPPING, where="the test")
        found = list(measured_answers(SurveySource(voice.crm.connector), mapping))
        assert [{"nps": 3, "ces": 2}, {"nps": 10}] == [each.scores for each in found]
        assert [(300.0, ("Mal",)), (300.0, ())] == [(each.seconds, each.texts) for each in found]

    def test_an_edited_answer_is_a_new_version(self, voice):
        """The key stays; nothing is read where nothing changed."""
        forms = voice.forms()
        voice.answer(1, {"r1": "3"})
        (page,) = forms.pull("Survey")
        (same,) = forms.pull("Survey", page.cursor)
        assert () == tuple(same.rows)
        (part,) = voice.crm.emulator.books["msfp_questionresponses"]
        voice.crm.emulator.books["msfp_questionresponses"][part]["msfp_response"] = "9"
        (again,) = forms.pull("Survey", page.cursor)
        assert [page.rows[0].key] == [row.key for row in again.rows]
        assert page.rows[0].version != again.rows[0].version

    def test_a_question_that_nobody_has(self, voice):
        """A mapping of another survey is told, not read as a survey without answers."""
        voice.answer(1, {"r1": "3"})
        other = [{"title": "¿Otra cosa?", "role": "nps"}]
        with pytest.raises(ConfigurationError, match="no question"):
            list(voice.forms(questions=other).each("Survey"))


TOML = """\
[company]
zone = "America/Bogota"

[systems.voice]
connector = "dynamics365"
url = "{url}"
ca_file = "{ca}"
allow_private = true

[systems.voice.credential]
kind = "client-secret"
tenant_id = "{tenant_id}"
client_id = "{client_id}"
client_secret = "${{FILE:voice.secret}}"
authority = "{authority}"

[systems.voice.options]
kinds = ["Survey"]

[systems.forms]
connector = "forms"

[systems.forms.options]
surveys = "{named}"

[systems.forms.options.mapping]
form = "voz"
time_zone = "America/Bogota"
questions = [{{ title = "¿Qué tan probable es que nos recomiende?", role = "nps" }}]
"""


class TestInstallation:
    @pytest.fixture
    def written(self, tmp_path):
        """Serve an environment over TLS, and return what writes a file that names it."""
        pytest.importorskip("trustme", reason="TLS needs trustme")
        from periferia_link.testing.emulators import TlsIdentity, host
        from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator

        tls, emulator = TlsIdentity.make(tmp_path), Dynamics365Emulator()
        VoiceTables(emulator, ASKED).answer(1, {"r1": "4", "r2": "Demoras"})
        with host(emulator.entra, tls=tls), host(emulator, tls=tls) as running:
            known = emulator.entra.credentials()

            def write(named):
                path = tmp_path / "periferia.toml"
                (tmp_path / "voice.secret").write_text(known["client_secret"])
                text = TOML.format(url=running.url, ca=tls.ca_file, named=named, **known)
                path.write_text(text, encoding="utf-8")
                return path

            yield write

    def test_from_a_file(self, written):
        """periferia.toml names the system that holds the surveys; answers and check go through it."""
        with Installation.open(written("voice")) as installation:
            (survey,) = installation.engine.systems["forms"].each("Survey")
            assert (4, f"voz/{voice_key(1)}") == (survey.nps, survey.ref.id)
            assert {"voice": None, "forms": None} == {each.name: each.error for each in installation.check()}

    def test_a_name_that_is_none(self, written):
        """A system that the file does not have, or that has no surveys, is refused when the file is opened."""
        with pytest.raises(ConfigurationError, match="there is no such system"):
            Installation.open(written("voces"))
        voice, forms = check_systems(Settings.load(written("voces")))
        assert voice.error is None
        assert "another system" in forms.error.hint

    def test_without_an_installation(self):
        """A connector that has not met its system says what to do."""
        forms = Forms(NamedSurveys("voice"), mapping=mapping_from(MAPPING, where="the test"))
        with pytest.raises(ConfigurationError, match="through an installation"):
            forms.check()
        with pytest.raises(ConfigurationError, match="it has no surveys"):
            forms.meet({"voice": MemoryConnector("voice", [Client], [])})
