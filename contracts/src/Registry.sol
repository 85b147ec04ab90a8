// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Accountant} from "./Accountant.sol";
import {ConsumerChannel} from "./ConsumerChannel.sol";
import {IAccountant} from "./interfaces/IAccountant.sol";
import {IConsumerChannel} from "./interfaces/IConsumerChannel.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Messages} from "./lib/Messages.sol";
import {Signed} from "./lib/Signed.sol";

/// @dev Deployment: the token, then `new Registry(token, terms)`; its constructor deploys both implementations. Nobody
/// owns it and nothing in it can be changed.
///
/// Channels and accountants are EIP-1167 clones with two addresses behind their code (OpenZeppelin `Clones`), made with
/// CREATE2 by this registry:
///
///     pair      = first 20 ‖ second 20              channel: identity ‖ accountant; accountant: owner ‖ operator
///     salt      = keccak256(pair)
///     init code = 61 0055 3d81600a3d39f3 ‖ 363d3d373d3d3d363d73 ‖ implementation 20 ‖ 5af43d82803e903d91602b57fd5bf3
///                 ‖ pair                            95 bytes, of which the last 85 are the deployed code
///     address   = keccak256(ff ‖ registry 20 ‖ salt 32 ‖ keccak256(init code) 32)[12:]
contract Registry is IRegistry, Signed {
    using SafeERC20 for IERC20;
    using Messages for Registration;
    using Messages for BeneficiaryChange;
    using Messages for UrlChange;

    /// @dev A URL is read by everybody who syncs; 256 bytes hold any sensible one.
    uint256 private constant maxUrlBytes = 256;
    /// @dev Ten years: no sensible delay is longer, and sums with it stay far inside 64 bits.
    uint256 private constant maxDelay = 3650 days;
    /// @dev Where burnt fees go: a plain ERC-20 need not have a burn, nor take transfers to zero.
    address private constant burnt = 0x000000000000000000000000000000000000dEaD;

    IERC20 private immutable _token;
    address public immutable channelImplementation;
    address public immutable accountantImplementation;
    address public immutable feeRecipient;
    uint256 public immutable registrationFee;
    uint256 public immutable maxRegistrationFee;
    uint256 public immutable minimumOperatorStake;

    mapping(address accountant => bool) public isAccountant;
    mapping(address accountant => string) public urlOf;
    /// @dev Zero: not registered. An identity that named none stands here itself.
    mapping(address identity => address) private _beneficiaries;

    constructor(IERC20 token_, Terms memory terms) {
        _requireDelay(terms.exitDelay);
        _requireDelay(terms.rateNotice);
        _requireDelay(terms.rotationNotice);
        _requireDelay(terms.closingDelay);
        maxRegistrationFee = 10 ** IERC20Metadata(address(token_)).decimals();
        if (terms.registrationFee > maxRegistrationFee) {
            revert FeeAboveMaximum(maxRegistrationFee, terms.registrationFee);
        }
        _token = token_;
        feeRecipient = terms.feeRecipient;
        registrationFee = terms.registrationFee;
        minimumOperatorStake = terms.minimumOperatorStake;
        channelImplementation = address(new ConsumerChannel(token_, terms.exitDelay));
        accountantImplementation = address(new Accountant(token_, terms));
    }

    function registerIdentity(Registration calldata registration, bytes calldata signature)
        external
        returns (address channel)
    {
        address identity = registration.identity;
        if (!isAccountant[registration.accountant]) revert UnknownAccountant(registration.accountant);
        if (isRegistered(identity)) revert AlreadyRegistered(identity);
        if (registration.fee > maxRegistrationFee - registrationFee) {
            revert FeeAboveMaximum(maxRegistrationFee - registrationFee, registration.fee);
        }
        _requireBefore(registration.deadline);
        _requireTransactor(registration.transactor, registration.fee);
        _requireSigner(registration.hash(), identity, signature);
        if (isNonceUsed(identity, registration.nonce)) revert NonceUsed(identity, registration.nonce);

        address beneficiary = registration.beneficiary == address(0) ? identity : registration.beneficiary;
        _beneficiaries[identity] = beneficiary;
        emit IdentityRegistered(
            identity, registration.accountant, beneficiary, registration.transactor, registration.fee
        );
        channel = _open(identity, registration.accountant);
        if (registrationFee + registration.fee != 0) {
            address recipient = feeRecipient == address(0) ? burnt : feeRecipient;
            IConsumerChannel(channel)
                .payRegistration(recipient, registrationFee, registration.transactor, registration.fee);
        }
    }

    function openChannel(address identity, address accountant) external returns (address channel) {
        if (identity == address(0)) revert IdentityZero();
        if (accountant == address(0)) revert UnknownAccountant(accountant);
        return _open(identity, accountant);
    }

    function registerAccountant(address operator, uint256 stake, uint256 feeRate, string calldata url)
        external
        returns (address accountant)
    {
        if (operator == address(0)) revert OperatorZero();
        if (stake < minimumOperatorStake) revert StakeTooLow(minimumOperatorStake, stake);
        _requireUrl(url);
        accountant = accountantAddress(msg.sender, operator);
        if (isAccountant[accountant]) revert AccountantAlreadyRegistered(accountant);

        isAccountant[accountant] = true;
        urlOf[accountant] = url;
        emit AccountantRegistered(accountant, msg.sender, operator, stake, feeRate, url);
        _clone(accountantImplementation, msg.sender, operator);
        IAccountant(accountant).initialize(msg.sender, operator, stake, feeRate);
        uint256 before = _token.balanceOf(accountant);
        _token.safeTransferFrom(msg.sender, accountant, stake);
        uint256 received = _token.balanceOf(accountant) - before;
        if (received != stake) revert TokenUnsupported(stake, received);
    }

    function changeBeneficiary(BeneficiaryChange calldata change, bytes calldata signature) external {
        if (!isRegistered(change.identity)) revert NotRegistered(change.identity);
        _requireBefore(change.deadline);
        _requireSigner(change.hash(), change.identity, signature);
        _useNonce(change.identity, change.nonce);

        address beneficiary = change.beneficiary == address(0) ? change.identity : change.beneficiary;
        _beneficiaries[change.identity] = beneficiary;
        emit BeneficiaryChanged(change.identity, beneficiary);
    }

    function changeUrl(UrlChange calldata change, bytes calldata signature) external {
        if (!isAccountant[change.accountant]) revert UnknownAccountant(change.accountant);
        _requireUrl(change.url);
        _requireBefore(change.deadline);
        address operator = IAccountant(change.accountant).operator();
        _requireSigner(change.hash(), operator, signature);
        _useNonce(operator, change.nonce);

        urlOf[change.accountant] = change.url;
        emit UrlChanged(change.accountant, change.url);
    }

    function channelAddress(address identity, address accountant) public view returns (address) {
        return _cloneAddress(channelImplementation, identity, accountant);
    }

    function accountantAddress(address owner, address operator) public view returns (address) {
        return _cloneAddress(accountantImplementation, owner, operator);
    }

    function beneficiaryOf(address identity) external view returns (address) {
        address beneficiary = _beneficiaries[identity];
        return beneficiary == address(0) ? identity : beneficiary;
    }

    function isRegistered(address identity) public view returns (bool) {
        return _beneficiaries[identity] != address(0);
    }

    function token() external view returns (address) {
        return address(_token);
    }

    function _open(address identity, address accountant) private returns (address channel) {
        channel = channelAddress(identity, accountant);
        if (channel.code.length != 0) return channel;
        emit ChannelOpened(identity, accountant, channel);
        _clone(channelImplementation, identity, accountant);
    }

    function _clone(address implementation, address first, address second) private {
        bytes memory pair = abi.encodePacked(first, second);
        Clones.cloneDeterministicWithImmutableArgs(implementation, pair, keccak256(pair));
    }

    function _cloneAddress(address implementation, address first, address second) private view returns (address) {
        bytes memory pair = abi.encodePacked(first, second);
        return Clones.predictDeterministicAddressWithImmutableArgs(implementation, pair, keccak256(pair));
    }

    function _requireUrl(string calldata url) private pure {
        if (bytes(url).length > maxUrlBytes) revert UrlTooLong(maxUrlBytes, bytes(url).length);
    }

    function _requireDelay(uint256 delay) private pure {
        if (delay == 0 || delay > maxDelay) revert DelayOutOfRange(delay);
    }
}
