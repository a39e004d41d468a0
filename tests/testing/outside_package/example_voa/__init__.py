"""The variable optical attenuator VOA-1 of Example Optics, which exists only here."""
