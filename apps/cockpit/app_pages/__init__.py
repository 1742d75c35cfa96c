"""One module a page of the cockpit. Streamlit runs them; each reads like a description of its page."""
