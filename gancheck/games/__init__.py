"""What is played: two players, one loss each, a latent law and data."""
