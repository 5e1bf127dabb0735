"""How the pages look: one theme object, one style sheet, system fonts.

The colours are named once, in `style.css`; the theme hands Gradio's components the same names, so
that what we draw and what Gradio draws cannot drift apart. Invariant: no web font, no remote file.
"""

from pathlib import Path

import gradio as gr

FONT = (
    "-apple-system", "Segoe UI", "Roboto", "Apple SD Gothic Neo", "Malgun Gothic",
    "Noto Sans KR", "Noto Sans CJK KR", "system-ui", "sans-serif",
)  # fmt: skip
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace")

CSS = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

HEAD = """
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'
 viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%230f6b63'/%3E%3Cpath
 d='M9 21.5h4.6v-5h4.6v-5H23' fill='none' stroke='white' stroke-width='3'
 stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E">
<script>
const korean = (navigator.language || "en").toLowerCase().startsWith("ko");
document.documentElement.lang = korean ? "ko" : "en";
</script>
"""

BRAND = (
    '<svg class="r-mark" viewBox="0 0 32 32" aria-hidden="true">'
    '<rect width="32" height="32" rx="8"/><path d="M9 21.5h4.6v-5h4.6v-5H23"/>'
    '</svg><span class="r-name">Ratchet</span>'
)
"""The mark: steps that only go up."""


def theme() -> gr.themes.Base:
    """Return the pages' theme: calm paper and ink, one green accent, in light and dark."""
    paper, surface, sunken = "var(--r-paper)", "var(--r-surface)", "var(--r-sunken)"
    ink, muted, line, accent = "var(--r-ink)", "var(--r-muted)", "var(--r-line)", "var(--r-accent)"
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        font=FONT,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    )
    both: dict[str, str] = {
        "body_background_fill": paper,
        "body_text_color": ink,
        "body_text_color_subdued": muted,
        "background_fill_primary": surface,
        "background_fill_secondary": sunken,
        "border_color_primary": line,
        "border_color_accent": accent,
        "color_accent_soft": "var(--r-accent-soft)",
        "block_background_fill": surface,
        "block_border_color": line,
        "block_label_text_color": muted,
        "block_title_text_color": muted,
        "block_info_text_color": muted,
        "panel_background_fill": surface,
        "input_background_fill": surface,
        "input_background_fill_focus": surface,
        "input_border_color": line,
        "input_border_color_focus": accent,
        "input_placeholder_color": muted,
        "link_text_color": accent,
        "link_text_color_hover": accent,
        "link_text_color_active": accent,
        "link_text_color_visited": accent,
        "button_primary_background_fill": accent,
        "button_primary_background_fill_hover": "var(--r-accent-strong)",
        "button_primary_text_color": "var(--r-on-accent)",
        "button_primary_border_color": "transparent",
        "button_secondary_background_fill": surface,
        "button_secondary_background_fill_hover": sunken,
        "button_secondary_text_color": ink,
        "button_secondary_border_color": line,
        "button_secondary_border_color_hover": muted,
        "checkbox_label_background_fill": surface,
        "checkbox_label_background_fill_hover": sunken,
        "checkbox_label_background_fill_selected": "var(--r-accent-soft)",
        "checkbox_label_border_color": line,
        "checkbox_label_text_color": ink,
        "checkbox_label_text_color_selected": ink,
        "checkbox_background_color_selected": accent,
        "checkbox_border_color_selected": accent,
        "error_background_fill": "var(--r-bad-soft)",
        "error_text_color": "var(--r-bad)",
        "error_border_color": "var(--r-bad)",
        "code_background_fill": sunken,
        "loader_color": accent,
    }
    once: dict[str, str] = {
        "color_accent": accent,
        "block_shadow": "none",
        "block_label_text_weight": "500",
        "block_title_text_weight": "500",
        "button_large_radius": "10px",
        "button_large_text_weight": "550",
        "button_medium_text_weight": "550",
        "button_small_text_weight": "500",
        "button_border_width": "1px",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "button_transform_active": "none",
        "input_shadow": "none",
        "input_shadow_focus": "0 0 0 3px var(--r-accent-soft)",
        "checkbox_label_shadow": "none",
    }
    dark = {f"{name}_dark": value for name, value in both.items()}
    return base.set(**both, **dark, **once)
