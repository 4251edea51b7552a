from flux_webhooks._async.client import AsyncFlux as AsyncFlux
from flux_webhooks._async.pages import AsyncPage as AsyncPage
from flux_webhooks._sync.client import Flux as Flux
from flux_webhooks._sync.pages import Page as Page
from flux_webhooks.errors import APIConnectionError as APIConnectionError
from flux_webhooks.errors import APIError as APIError
from flux_webhooks.errors import APIResponseError as APIResponseError
from flux_webhooks.errors import APITimeoutError as APITimeoutError
from flux_webhooks.errors import AuthenticationError as AuthenticationError
from flux_webhooks.errors import ConfigurationError as ConfigurationError
from flux_webhooks.errors import FluxError as FluxError
from flux_webhooks.errors import IdempotencyError as IdempotencyError
from flux_webhooks.errors import InvalidRequestError as InvalidRequestError
from flux_webhooks.errors import NotFoundError as NotFoundError
from flux_webhooks.errors import PermissionDeniedError as PermissionDeniedError
from flux_webhooks.errors import RateLimitError as RateLimitError
from flux_webhooks.errors import ServerError as ServerError
from flux_webhooks.errors import SignatureError as SignatureError
from flux_webhooks.signature import verify as verify

__version__: str
