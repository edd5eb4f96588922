"""Files that would hurt: bombs, definitions, cells far away, what is no workbook; all refused before they are opened."""

from __future__ import annotations

import struct
import zipfile

import pytest

from forms_workbooks import ES, PARTS, packed, sheet_xml, text_csv, xlsx
from periferia_link.connectors.forms._archive import check_workbook
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._reach import Reach, reach_in_full
from periferia_link.connectors.forms._responses import Export
from periferia_link.errors import ConfigurationError

ROWS = [[*ES, "q"], [1, "", "", "", "", "5"]]


@pytest.fixture
def check(tmp_path):
    def checked(content, **limits):
        path = tmp_path / "libro.xlsx"
        path.write_bytes(content)
        check_workbook(path, Limits(**limits))

    return checked


def book(sheet):
    return packed({**PARTS, "xl/worksheets/sheet1.xml": sheet})


class TestWorkbooks:
    def test_an_ordinary_one(self, check):
        """Passes."""
        check(xlsx(ROWS))

    def test_a_bomb(self, check):
        """What unpacks to a thousand times its size is refused while it unpacks."""
        with pytest.raises(ConfigurationError, match="far more than it is"):
            check(packed({**PARTS, "xl/media/image1.bin": b"\0" * 20_000_000}))

    def test_a_liar(self, check):
        """The size that the archive states is not believed."""
        content = bytearray(book(sheet_xml(ROWS) + " " * 5_000_000))
        for place in range(len(content) - 46):
            if content[place : place + 4] == b"PK\x01\x02":
                content[place + 24 : place + 28] = struct.pack("<I", 100)
        with pytest.raises(ConfigurationError, match="far more than it is"):
            check(bytes(content))

    @pytest.mark.parametrize("words", ["<!DOCTYPE x [<!ENTITY a 'b'>]>", "<!doctype x>", "<!-- c --><!ENTITY a 'b'>"])
    def test_definitions(self, check, words):
        """XML that defines things is refused."""
        with pytest.raises(ConfigurationError, match="DOCTYPE"):
            check(book(sheet_xml(ROWS).replace("<worksheet", f"{words}<worksheet", 1)))

    def test_a_definition_in_an_answer_is_text(self, check):
        """Behind the root it is what somebody wrote."""
        check(xlsx([*ROWS, [2, "", "", "", "", "<!DOCTYPE html>"]]))

    def test_another_encoding(self, check):
        """What a search for definitions would not see."""
        with pytest.raises(ConfigurationError, match="encoding"):
            check(book(sheet_xml(ROWS).encode("utf-16")))

    @pytest.mark.parametrize(
        "reference", ['r="XFD1048576"', "r='XFD9'", 'r="A1048576"', 'r = "ZZZ1"', 'r="xfd1048576"', 'r="AAAAAAA1"']
    )
    def test_a_cell_far_away(self, check, reference):
        """The rectangle between the first and the last cell is bounded, not the file."""
        sheet = sheet_xml(ROWS).replace("</sheetData>", f"<row><c {reference}><v>1</v></c></row></sheetData>")
        with pytest.raises(ConfigurationError, match="spans"):
            check(book(sheet))

    @pytest.mark.parametrize(
        "tag",
        [
            '<x:c xmlns:x="y" r="XFD1048576">',
            '<c r  ="XFD1048576">',
            '<c\tr\n=\n"XFD1048576">',
            '<c s="1"r="XFD1048576">',
            '<c r="A1" r="XFD1048576">',
            '<c t=">" r="XFD1048576">',
            '<c r="XFD00000001048576">',
            '<c a="' + "x" * 600_000 + '" r="XFD1048576">',
        ],
    )
    def test_a_cell_far_away_that_is_written_oddly(self, check, tag):
        """A reader that is content with less than Excel writes finds it, so it is found here."""
        end = "</x:c>" if tag.startswith("<x") else "</c>"
        sheet = sheet_xml(ROWS).replace("</sheetData>", f"<row>{tag}<v>1</v>{end}</row></sheetData>")
        with pytest.raises(ConfigurationError, match="spans"):
            check(book(sheet))

    def test_cells_without_a_reference(self, check):
        """They stand beside each other in the row that the row names: the rectangle is as large."""
        bare = "<c><v>1</v></c>"
        far = f'<row r="1000000">{bare}</row><row r="1">{bare * 900}</row>'
        with pytest.raises(ConfigurationError, match="spans"):
            check(book(sheet_xml(ROWS).replace("</sheetData>", f"{far}</sheetData>")))
        near = f'<row r="9">{bare}</row><row>{bare * 900}</row>'
        check(book(sheet_xml(ROWS).replace("</sheetData>", f"{near}</sheetData>")))
        with pytest.raises(ConfigurationError, match="spans 906 columns"):
            check(book(sheet_xml(ROWS).replace("</sheetData>", f"{near}</sheetData>")), max_columns=900)

    def test_a_sheet_of_another_name(self, check):
        """A sheet is what the workbook calls so, whatever its file is called."""
        sheet = sheet_xml(ROWS).replace("</sheetData>", '<row><c r="XFD1048576"><v>1</v></c></row></sheetData>')
        links = PARTS["xl/_rels/workbook.xml.rels"].replace("worksheets/sheet1.xml", "data.bin")
        parts = {**PARTS, "xl/_rels/workbook.xml.rels": links}
        with pytest.raises(ConfigurationError, match="spans"):
            check(packed({**parts, "xl/data.bin": sheet}))
        with pytest.raises(ConfigurationError, match="DOCTYPE"):
            check(packed({**parts, "xl/data.bin": f"<!DOCTYPE x>{sheet_xml(ROWS)}"}))

    def test_a_tag_without_an_end(self, check):
        """Is not waited for."""
        head, rows, tail = sheet_xml(ROWS).rpartition("</sheetData>")
        noise = "".join(chr(97 + number * number % 23) for number in range(3_000_000))
        with pytest.raises(ConfigurationError, match="no workbook"):
            check(book(f'{head}<row><c a="{noise}"/></row>{rows}{tail}'))
        check(book(f"{head}<!--{noise}-->{rows}{tail}"))

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1_000])
    @pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "odd"])
    def test_tags_across_blocks(self, size, is_plain):
        """Where the blocks end changes nothing of what is found."""
        sheet = sheet_xml([["x"] * 40] * 30 + [[1] * 3] * 100).encode()
        if not is_plain:
            sheet = sheet.replace(b"<c ", b"<c  ")
        blocks = [sheet[begin : begin + size] for begin in range(0, len(sheet), size)]
        assert (40, 130) == reach_in_full(iter(blocks))
        reach = Reach()
        for block in blocks:
            reach.look(block)
        reach.end()
        assert not is_plain or (52, 999) == reach.span
        assert is_plain is not reach.is_odd

    @pytest.mark.parametrize(("columns", "rows"), [(30, 400), (3, 1_200), (100, 20), (700, 3)])
    def test_many_cells_that_are_there(self, check, columns, rows):
        """A wide or long sheet passes within its limits, and not beyond them."""
        content = xlsx([["x"] * columns] * rows)
        check(content)
        with pytest.raises(ConfigurationError, match="spans"):
            check(content, max_cells=columns * rows // 3)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + b"x" * 500, b"<html>"])
    def test_no_workbook(self, check, content):
        """Garbage is named as such."""
        with pytest.raises(ConfigurationError, match="no workbook"):
            check(content)

    def test_old_or_protected(self, check):
        """The old format is also that of passwords."""
        with pytest.raises(ConfigurationError, match="password"):
            check(b"\xd0\xcf\x11\xe0" + b"\0" * 600)

    def test_another_archive(self, check):
        """A zip without a workbook."""
        with pytest.raises(ConfigurationError, match="an archive, and no workbook"):
            check(packed({"a.txt": "x"}))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_parts_of_one_name(self, check, tmp_path):
        """Two readers would see two workbooks."""
        path = tmp_path / "two.zip"
        path.write_bytes(xlsx(ROWS))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("xl/workbook.xml", "x")
        with pytest.raises(ConfigurationError, match="two of one name"):
            check(path.read_bytes())


class TestFiles:
    def opened(self, tmp_path, content, name="a.csv", **limits):
        path = tmp_path / name
        path.write_bytes(content)
        return Export(path, Limits(**limits))

    def test_bounds(self, tmp_path):
        """Bytes, columns and cells of a CSV are bounded."""
        with pytest.raises(ConfigurationError, match="larger than its limit"):
            self.opened(tmp_path, text_csv(ROWS), max_bytes=10)
        with pytest.raises(ConfigurationError, match="columns, more than 3"):
            self.opened(tmp_path, text_csv(ROWS), max_columns=3)
        with pytest.raises(ConfigurationError, match="is empty"):
            self.opened(tmp_path, b"")
        export = self.opened(tmp_path, text_csv([*ROWS, [2, "", "", "", "", "x" * 200_000]]))
        with pytest.raises(ConfigurationError, match="no CSV"):
            list(export.table.rows())

    def test_rows(self, tmp_path):
        """One more than the limit is too many."""
        from periferia_link.connectors.forms import mapping_from

        told = mapping_from({"form": "f", "time_zone": "UTC"}, where="t")
        rows = [ROWS[0], *([n, "", "", "", "", "5"] for n in range(1, 5))]
        assert 4 == len(list(self.opened(tmp_path, text_csv(rows), max_rows=4).responses(told)))
        with pytest.raises(ConfigurationError, match="more than 3 rows"):
            list(self.opened(tmp_path, text_csv(rows), max_rows=3).responses(told))

    def test_binary(self, tmp_path):
        """What is neither is no text."""
        with pytest.raises(ConfigurationError, match="no text"):
            self.opened(tmp_path, b"a\x00b,c\n")
