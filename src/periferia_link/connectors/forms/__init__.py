"""Microsoft Forms: the answers to one form as surveys, from an export, a workbook, a webhook or another system."""

from periferia_link.connectors.forms._connector import Forms
from periferia_link.connectors.forms._graph import GraphWorkbook
from periferia_link.connectors.forms.mapping import FormMapping, Question, load_mapping, mapping_from, mapping_text
from periferia_link.connectors.forms.sources import ExportFile, InboxFile, ResponseSource, Snapshot, SurveySource
from periferia_link.connectors.forms.webhook import FormsWebhook, WebhookAnswer

__all__ = [
    "ExportFile",
    "FormMapping",
    "Forms",
    "FormsWebhook",
    "GraphWorkbook",
    "InboxFile",
    "Question",
    "ResponseSource",
    "Snapshot",
    "SurveySource",
    "WebhookAnswer",
    "load_mapping",
    "mapping_from",
    "mapping_text",
]
