"""What one file may cost before it is given up, and how its scans are read.

Invariant: a limit that is reached ends that file with a sentence that names the setting, and no
other file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The `[documents]` table of the settings, as far as reading a file needs it."""

    max_mb: float = 200.0
    """Largest file; of an archive (DOCX) also the size unpacked."""
    max_pages: int = 2000
    """Most pages of a PDF."""
    max_chars: int = 20_000_000
    """Longest text that a file may give."""
    file_seconds: float = 3600.0
    """Longest time for a file."""
    page_seconds: float = 90.0
    """Longest time without another page being done."""
    memory_mb: int = 4096
    """Address space of the process that reads a file."""
    ocr: bool = True
    """Whether pages without text are read by optical character recognition."""
    ocr_languages: str = "kor,eng"
    """Tesseract's languages, tried one at a time; the surest is kept, and tried first next."""
    ocr_dpi: int = 300
    """Resolution at which a page is looked at."""
    ocr_threads: int = 0
    """Pages that are looked at together; 0: as many as there are cores."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Tesseract's languages."""
        return tuple(word.strip() for word in self.ocr_languages.split(",") if word.strip())
