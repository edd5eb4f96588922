"""What the Service Layer refuses: status, code, and the words in the language of the session."""

from __future__ import annotations

from enum import Enum

__all__ = ["Refusal", "RefusedError"]


class RefusedError(Exception):
    """The Service Layer says no; turned into an answer where the edition is known."""

    def __init__(self, status: int, code: int, english: str, spanish: str) -> None:
        super().__init__(english)
        self.status = status
        self.code = code
        self.texts = {"en": english, "es": spanish}


class Refusal(Enum):
    """
    A refusal: HTTP status, code, English, Spanish.

    Sources: SAP's guide v1.29, recorded answers, and public notes of tests against FP 2608; the rest says that it is
    from memory. Clients go by the code; the words change with the language.
    """

    SESSION = (401, 301, "Invalid session or session already timeout.", "Sesión no válida o ya vencida.")
    PASSWORD = (401, -304, "Fail to NONE-SSO login from SLD.", "Fail to NONE-SSO login from SLD.")
    COMPANY = (401, -306, "Fail to NONE-SSO login from SLD.", "Fail to NONE-SSO login from SLD.")
    NOT_FOUND = (404, -2028, "No matching records found (ODBC -2028)", "No existen registros coincidentes (ODBC -2028)")
    GONE = (404, -2028, "Entity with value('{key}') does not exist", "La entidad con valor('{key}') no existe")
    REFERENCE = (400, -2028, "No matching records found (ODBC -2028)", "No existen registros coincidentes (ODBC -2028)")
    EXISTS = (
        400,
        -2035,
        "This entry already exists in the following tables (ODBC -2035)",
        "Esta entrada ya existe en las siguientes tablas (ODBC -2035)",
    )
    MODIFIED = (
        412,
        -2039,
        "Another user or another operation modified data; to continue, open the window again (ODBC -2039)",
        "Otro usuario u otra operación modificó los datos; para continuar, abra de nuevo la ventana (ODBC -2039)",
    )
    CODE_TAKEN = (
        400,
        -10,
        (
            "1320000140 - Business partner code '{key}' already assigned to a business "
            "partner; enter a unique business partner code"
        ),
        "1320000140 - El código '{key}' ya está asignado a un socio de negocios; indique un código único",
    )
    ITEM_TAKEN = (400, -10, "Item code '{key}' already exists", "El código de artículo '{key}' ya existe")
    NO_CODE = (400, -5002, "Code undefined  [{where}]", "Código sin definir  [{where}]")
    PROPERTY = (400, -1000, "Property '{name}' of '{entity}' is invalid", "La propiedad '{name}' no es válida")
    TOO_LONG = (
        400,
        -1000,
        "CServiceData::SetPropertyValueString failed; Value too long in property '{name}' of '{entity}'",
        "CServiceData::SetPropertyValueString failed; Valor demasiado largo en '{name}' de '{entity}'",
    )
    VALUE = (400, -5002, "Invalid value '{value}' in '{name}'", "Valor no válido '{value}' en '{name}'")
    BODY = (400, -1000, "Invalid JSON in the request body", "JSON no válido en la petición")
    QUERY = (400, -1000, "Query string error - {reason}", "Error en la consulta - {reason}")
    ENTITY_SET = (400, -1002, "Service Not Found", "Servicio no encontrado")
    NOT_SUPPORTED = (
        400,
        -5006,
        "The requested action is not supported for this object.",
        "La acción solicitada no se admite para este objeto.",
    )
    BALANCE = (400, -10, "Unbalanced transaction", "Transacción no cuadrada")  # from memory
    ACCOUNT = (400, -5002, "Account '{key}' is not active", "La cuenta '{key}' no es de movimiento")  # from memory
    PERIOD = (
        400,
        -4013,
        "Posting period locked; specify an alternative date",
        "Período contable bloqueado; indique otra fecha",
    )
    RATE = (400, -4006, "Update the exchange rate, '{key}'", "Actualice la tasa de cambio, '{key}'")  # from memory
    NO_LINES = (400, -10, "Document must have at least one line", "El documento debe tener al menos una línea")
    CANCELLED = (400, -10, "The entry is already cancelled", "El asiento ya está anulado")  # from memory
    SQL_SYNTAX = (400, 701, "Invalid SQL syntax", "Sintaxis SQL no válida")
    SQL_TABLE = (400, 702, "Table '{key}' is not accessible", "La tabla '{key}' no está permitida")
    SQL_COLUMN = (400, 703, "A column is not accessible", "Una columna no está permitida")
    SQL_PARAMETER = (400, 704, "Invalid parameter", "Parámetro no válido")
    NUL = (400, 242, "Invalid character in the batch body", "Carácter no válido en el lote")
    BATCH = (400, -1000, "Incomplete Batch Request Body!", "Incomplete Batch Request Body!")

    def error(self, **values: object) -> RefusedError:
        """Return the refusal with its words filled in."""
        status, code, english, spanish = self.value
        return RefusedError(status, code, english.format(**values), spanish.format(**values))
