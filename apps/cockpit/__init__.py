"""The Streamlit app for leaders; the only room that knows Streamlit. Reads releases only."""
