"""What a person reads most often when something is wrong, in Spanish: errors of the commands and of the file."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["PROBLEMS"]

PROBLEMS: Sequence[tuple[str, str]] = (
    # the file
    (r"(.+): the environment variable (\S+) is not set", r"\1: la variable de entorno \2 no está definida"),
    (r"set (\S+) where this program starts", r"defina \1 donde arranca este programa"),
    (r"(.+): cannot be read \((.+)\)", r"\1: no se puede leer (\2)"),
    (
        r"is this the right path: (.+)\? 'periferia-link init' writes one",
        r"¿es esta la ruta: \1? 'periferia-link init' escribe uno",
    ),
    (r"is this the right path: (.+)\?", r"¿es esta la ruta: \1?"),
    (r"(.+): is not TOML: (.+)", r"\1: no es TOML: \2"),
    (
        r"texts need quotes, tables look like \[systems\.crm\]",
        "los textos van entre comillas; las tablas, [systems.crm]",
    ),
    (r"(.+): unknown key", r"\1: clave desconocida"),
    (r"(.+): unknown table", r"\1: tabla desconocida"),
    (r"did you mean (\S+)\? known are (.+)", r"¿quiso decir \1? se conocen \2"),
    (r"known are (.+)", r"se conocen \1"),
    (r"(.+): is missing", r"\1: falta"),
    (
        r"(.+): a secret does not stand in the file itself",
        r"\1: un secreto no va en el archivo mismo",
    ),
    (r"this installation has no flow (\S+)", r"esta instalación no tiene un flujo \1"),
    (r"its flows are (.+)", r"sus flujos son \1"),
    (r"flow (\S+) needs a system in the role (\S+)", r"el flujo \1 necesita un sistema en el papel \2"),
    (
        r"add \[systems\.(\S+)\], or roles = (\S+) to the system that plays it",
        r"agregue [systems.\1], o roles = \2 al sistema que lo cumple",
    ),
    # init
    (r"(.+) is there already", r"\1 ya existe"),
    (
        r"change it by hand, name another file with --config, or give --force",
        "cámbielo a mano, nombre otro archivo con --config, o use --force",
    ),
    (r"(--\S+) is missing", r"falta \1"),
    (r"give (--\S+), or call it in a terminal to be asked", r"dé \1, o llámelo en una terminal para que pregunte"),
    (r"(--\S+) is of another form", r"\1 tiene otra forma"),
    (r"no system is named", "no se nombró ningún sistema"),
    (r"give --crm-url, --erp-url or --helpdesk-url", "dé --crm-url, --erp-url o --helpdesk-url"),
    # the ledger
    (r"there is no ledger at (.+)", r"no hay memoria en \1"),
    (
        r"the first adopt, plan or run makes it; is \[ledger\] path right\?",
        "la crea el primer adopt, plan o run; ¿está bien [ledger] path?",
    ),
    (
        r"name another file, or give --force to replace an earlier copy",
        "nombre otro archivo, o use --force para reemplazar una copia anterior",
    ),
    (r"another process holds the ledger (.+)", r"otro proceso tiene la memoria \1"),
    (r"try again when it is done", "intente de nuevo cuando termine"),
    (r"flow (\S+) is being worked on by (.+), since (\d+) s", r"en el flujo \1 trabaja \2 desde hace \3 s"),
    (
        r"wait for it; its lease ends in (\d+) s if it is gone",
        r"espere; si ya no existe, su turno vence en \1 s",
    ),
    # what waits
    (r"no record is named", "no se nombró ningún registro"),
    (
        r"name one as 'periferia-link parked list' shows it, or give --all",
        "nombre uno como lo muestra 'periferia-link parked list', o use --all",
    ),
    (r"nothing is parked under the name (.+)", r"no hay nada apartado con el nombre \1"),
    (
        r"'periferia-link parked list --each' shows every name",
        "'periferia-link parked list --each' muestra los nombres",
    ),
    (
        r"a write of (.+) was sent, and what came of it is not known yet",
        r"una escritura de \1 se envió, y no se sabe aún qué pasó",
    ),
    (r"periferia-link run (\S+) settles it; drop it then", r"periferia-link run \1 lo aclara; suéltelo después"),
    (r"no question is open about (.+)", r"no hay pregunta abierta sobre \1"),
    (r"'periferia-link review list' shows them", "'periferia-link review list' las muestra"),
    (r"(\S+) has (\d+) candidates: (.+)", r"\1 tiene \2 candidatos: \3"),
    (
        r"say which one with --link ID, or that it is none of them with --create",
        "diga cuál con --link ID, o que no es ninguno con --create",
    ),
    (
        r"the other side has no (\S+) (.+) that this ledger knows",
        r"el otro lado no tiene un \1 \2 que esta memoria conozca",
    ),
    # the trace
    (r"the ledger knows no record (.+)", r"la memoria no conoce un registro \1"),
    (
        r"write system:Kind:id, as in (\S+), or run the flow that reads it",
        r"escriba sistema:Clase:id, como \1, o corra el flujo que lo lee",
    ),
    (r"(.+) is (\d+) records: (.+)", r"\1 son \2 registros: \3"),
    (r"name one of them", "nombre uno de ellos"),
)
"""Pattern of a sentence in English -> the sentence in Spanish."""
