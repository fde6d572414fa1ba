"""What expressions know by name is declared by the nouns' rooms: a test that runs alone needs them loaded, too."""

from flowapp import catalog

catalog.load()
