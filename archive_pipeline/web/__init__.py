"""The web pages of an archive: rendered on the server, complete without JavaScript. Needs the extra "web"."""
