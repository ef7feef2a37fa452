"""Reading mail, for fetching and cleaning alike.

`message` reads within bounds, `markup` sees HTML as readers do, `wrapping` finds forwarded mails, `addresses` says what
addresses in mails lead to, `manners` knows greetings and footers, `letter` puts these together, `mailing` tells the
releases of one mailing apart, `sameness` recognises a release that came another way.
"""

from archive_pipeline.mail.letter import Letter, read_letter

__all__ = ["Letter", "read_letter"]
