"""What ``periferia-link profile`` says, in Spanish and English."""

from __future__ import annotations

from periferia_link.cli._words import Texts
from periferia_link.connectors.ticketing.checking import SENTENCES

__all__ = ["TEXTS"]

_SPANISH = {
    "let_in.proved": "las credenciales se aceptan; la instalación es {system_id}",
    "let_in.failed": "el servidor no deja entrar: {reason}",
    "wrong_key.proved": "una clave equivocada se rechaza",
    "wrong_key.failed": "una clave equivocada entra: nombre una dirección que pruebe un ingreso real",
    "list.proved": "{kind}: {rows} registros leídos, todos encajan",
    "list.failed": "{kind}: {reason}",
    "list.open": "{kind}: no hay registros que mirar",
    "words.failed": "{kind}: el servidor usa palabras que el perfil no conoce: {words}",
    "since.proved": "{kind}: nada cambió después del año 2999, así que el filtro de fecha se atiende",
    "since.failed": "{kind}: {rows} registros cambiaron después del año 2999: el filtro de fecha no se atiende",
    "since.open": "{kind}: el perfil no tiene filtro de fecha: se lee todo y se compara el contenido",
    "pages.proved": "{kind}: la segunda página trae otros registros que la primera",
    "pages.failed": "{kind}: la segunda página repite la primera",
    "pages.open": "{kind}: muy pocos registros para llenar dos páginas",
    "past_end.proved": "{kind}: una página después del final es como dice el perfil ({told})",
    "past_end.failed": "{kind}: una página después del final es {told}, y el perfil dice {said}",
    "clamp.proved": "{kind}: se pidieron {asked} registros de una vez, el servidor dio {rows}",
    "clamp.failed": "{kind}: se pidieron {asked} registros de una vez, el servidor dio {rows} y dice que hay más",
    "closed.proved": "los tickets cerrados se listan",
    "closed.failed": "un ticket que se cerró ya no se lista",
    "closed.open": "ningún ticket cerrado estaba entre los leídos",
    "ticket.proved": "un ticket se creó, leyó, cambió, leyó y cerró; tildes, hora y palabras volvieron",
    "ticket.failed": "la ida y vuelta de un ticket falló: {reason}",
    "ticket.open": "no se escribió ningún ticket: permítalo con --write, en un sistema donde no moleste a nadie",
    "stale.proved": "un cambio sobre una versión vieja se rechaza",
    "stale.failed": "un cambio sobre una versión vieja se acepta",
    "stale.open": "el servidor no revisa versiones: cada cambio se lee y compara antes de escribirse",
    "once.proved": "la misma creación dos veces hizo un solo ticket",
    "once.failed": "la misma creación dos veces hizo {rows} tickets",
    "worklog.proved": "un registro de horas se escribió y volvió",
    "worklog.failed": "la ida y vuelta de un registro de horas falló: {reason}",
    "worklog.open": "no se escribió ningún registro de horas",
}

TEXTS: Texts = {
    **{f"found.{name}": (_SPANISH[name], text) for name, text in SENTENCES.items()},
    "help.profile": (
        "Conecta cualquier mesa de ayuda: perfiles que vienen, uno nuevo, su revisión contra el servidor.",
        "Connect any help desk: the profiles that are shipped, a new one, its check against the server.",
    ),
    "help.profile.list": ("Muestra los perfiles que vienen con la biblioteca.", "List the profiles that are shipped."),
    "help.profile.show": ("Muestra un perfil como está en su archivo.", "Show a profile as it stands in its file."),
    "help.profile.schema": (
        "Imprime el JSON Schema de los perfiles, para editores.",
        "Print the JSON Schema of profiles, for editors.",
    ),
    "help.profile.new": (
        "Crea un primer perfil a partir de respuestas guardadas del servidor.",
        "Make a first profile from saved answers of the server.",
    ),
    "help.profile.check": (
        "Pregunta a un servidor si el perfil dice la verdad; dice qué quedó probado y qué líneas cambiar.",
        "Ask a live server whether the profile says the truth; tells what is proved and which lines to change.",
    ),
    "help.profile.file": ("El nombre de un perfil que viene, o un archivo.", "A shipped profile's name, or a file."),
    "help.profile.name": ("Nombre del perfil nuevo.", "Name of the new profile."),
    "help.profile.tickets": (
        "Un archivo con la respuesta (JSON) a una lista de tickets.",
        "A file with the answer (JSON) to a list of tickets.",
    ),
    "help.profile.worklogs": ("Lo mismo para registros de horas.", "The same for work logs."),
    "help.profile.output": ("Dónde queda el perfil; sin él, en pantalla.", "Where the profile goes; else the screen."),
    "help.profile.url": ("La dirección del servidor.", "The address of the server."),
    "help.profile.token": (
        "Variable del entorno con el token.",
        "Environment variable that holds the token.",
    ),
    "help.profile.user": ("Nombre de la cuenta de servicio.", "Name of the service account."),
    "help.profile.password": (
        "Variable del entorno con la contraseña.",
        "Environment variable that holds the password.",
    ),
    "help.profile.key": ("Variable del entorno con la clave.", "Environment variable that holds the key."),
    "help.profile.key_header": ("Encabezado en el que viaja la clave.", "Header that the key travels in."),
    "help.profile.write": (
        "Permite crear, cambiar y cerrar un ticket y un registro de horas de prueba.",
        "Allow one ticket and one work log to be created, changed and closed.",
    ),
    "help.profile.private": (
        "La dirección es de una red interna, o de esta máquina.",
        "The address is one of an internal network, or of this machine.",
    ),
    "help.profile.ca_file": ("Certificados de una autoridad propia, PEM.", "Certificates of your authority, PEM."),
    "profile.name": ("perfil", "profile"),
    "profile.title": ("mesa de ayuda", "help desk"),
    "profile.state": ("estado", "state"),
    "profile.kinds": ("registros", "kinds"),
    "profile.tested": ("probado", "tested"),
    "profile.assumed": ("supuesto", "assumed"),
    "profile.untested": ("sin probar", "untested"),
    "profile.proved": ("Probado", "Proved"),
    "profile.failed": ("No se cumple", "Not true"),
    "profile.open": ("Sin probar", "Not proved"),
    "profile.change": ("Líneas del perfil por cambiar", "Lines of the profile to change"),
    "profile.well": ("Nada contradice al perfil.", "Nothing contradicts the profile."),
    "profile.refused": (
        "El perfil no sirve todavía para este servidor: cambie esas líneas y revise de nuevo.",
        "The profile does not fit this server yet: change these lines and check again.",
    ),
    "profile.made": (
        "Perfil en {path}. Complete lo que tiene un ? y revíselo: periferia-link profile check {path} --url …",
        "Profile at {path}. Fill in what has a ? and check it: periferia-link profile check {path} --url …",
    ),
}
