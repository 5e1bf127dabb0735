"""The two pages. Gradio is used here and nowhere else.

What Gradio shall not do is said in the environment before it is imported: no calls home, and no
bookkeeping. It would build a pandas table of its last 10,000 events after every single one of them.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
