import httpx as httpx
