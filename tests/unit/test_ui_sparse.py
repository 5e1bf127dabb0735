"""Pages that send only what a handler named: the same as Gradio sends, for less."""

from copy import deepcopy
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from serving.ui.sparse import Page


def built(kind: type[gr.Blocks]) -> tuple[gr.Blocks, list[Any]]:
    with kind(analytics_enabled=False) as page:
        parts = [gr.State(1), gr.Textbox("a"), gr.Chatbot(), gr.HTML("b"), gr.Button("c")]
        parts[1].change(lambda: None, None, parts)
    return page, parts


async def sent(kind: type[gr.Blocks], change: dict[int, Any]) -> tuple[list[Any], Any]:
    page, parts = built(kind)
    state = SessionState(page)
    predictions = {parts[place]: deepcopy(value) for place, value in change.items()}
    data = await page.postprocess_data(page.fns[0], predictions, state)
    for update in data:
        # For HTML that nothing happened to Gradio adds this, which changes nothing.
        if isinstance(update, dict) and update.get("props") == gr.skip():
            del update["props"]
    return data, state[parts[0]._id]


@pytest.mark.parametrize(
    "change",
    [
        {3: "new"},
        {1: gr.update(value="typed", interactive=False)},
        {4: gr.skip()},
        {0: 7, 2: [{"role": "user", "content": "Hi"}], 3: ""},
        {0: 7, 1: "x", 2: [], 3: "", 4: gr.update(visible=False)},
    ],
)
async def test_the_browser_is_sent_what_gradio_would_send(change: dict[int, Any]) -> None:
    assert await sent(Page, change) == await sent(gr.Blocks, change)


async def test_only_what_was_named_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    page, parts = built(Page)
    for kind in (gr.Textbox, gr.Chatbot, gr.HTML, gr.Button):
        init = kind.__init__

        def counted(self: Any, *rest: Any, _init: Any = init, **more: Any) -> None:
            made.append(type(self).__name__)
            _init(self, *rest, **more)

        monkeypatch.setattr(kind, "__init__", counted)
    await page.postprocess_data(page.fns[0], {parts[3]: "new"}, SessionState(page))
    assert made == []


async def test_a_part_that_is_no_output_is_still_refused() -> None:
    page, parts = built(Page)
    with page:
        stranger = gr.Textbox()
    with pytest.raises(ValueError, match="not specified as output"):
        await page.postprocess_data(page.fns[0], {parts[1]: "x", stranger: "y"}, SessionState(page))
