"""How the pages look: one theme object, a style sheet for each part, system fonts.

The colours are named once, in `colours.css`; the theme hands Gradio's components the same names, so
that what we draw and what Gradio draws cannot drift apart. `style.css` is what all pages share.
Invariant: no web font, no remote file.
"""

import gradio as gr

from serving.ui import document
from serving.ui.document import sheet

FONT = (
    "-apple-system", "Segoe UI", "Roboto", "Apple SD Gothic Neo", "Malgun Gothic",
    "Noto Sans KR", "Noto Sans CJK KR", "system-ui", "sans-serif",
)  # fmt: skip
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace")


PARTS = ("colours", "style", "drawer", "chat", "compare", "operator")
CSS = "".join(sheet(f"{part}.css") for part in PARTS)
HEAD = f"{document.HEAD}<script>{sheet('page.js')}</script>"


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
