"""Explain: which credentials AWS tools would use, which others those shadow, and what is wrong."""
