"""Exchange: from a code to a session. The only room that talks to AWS."""
